//go:build !amd64 && !arm64

package kernel

// vectorSets are the sets beside the portable one.
func vectorSets() []set { return nil }
