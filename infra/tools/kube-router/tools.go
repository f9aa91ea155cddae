//go:build tools

// Package tools pins the module that this folder builds.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
