//go:build tools

// Package tools pins the module that this folder builds.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
