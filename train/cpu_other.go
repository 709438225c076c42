//go:build !linux

package train

import "runtime"

// CPU is the processor's architecture; its name is known on Linux only.
func CPU() string { return runtime.GOARCH }
