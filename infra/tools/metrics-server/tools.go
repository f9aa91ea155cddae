//go:build tools

// Package tools pins the module that this folder builds.
package tools

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
