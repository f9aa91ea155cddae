//go:build tools

// Package tools pins the module that this folder builds.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
