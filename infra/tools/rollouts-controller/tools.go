//go:build tools

// Package tools pins the module that this folder builds.
package tools

import _ "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"
