package kernel

// bytes is the portable form of Table.Bytes.
func bytes[T Float](dst []T, src []byte, divisor T) {
	src = src[:len(dst):len(src)]
	for i, b := range src {
		dst[i] = T(b) / divisor
	}
}
