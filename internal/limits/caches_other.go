//go:build !linux

package limits

func sizes() [3]int { return [3]int{} }
