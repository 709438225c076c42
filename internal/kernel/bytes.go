package kernel

// bytes is the portable form of Table.Bytes.
func bytes[T Float](dst []T, src []byte, divisor T) {
	src = src[:len(dst):len(src)]
	for i, b := range src {
		dst[i] = T(b) / divisor
	}
}

// divide is the portable form of Table.Divide.
func divide[T Float](dst, x []T, divisor T) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = v / divisor
	}
}

// standardize is the portable form of Table.Standardize.
func standardize[T Float](dst, x []T, subtract, divide []float64) {
	x, subtract, divide = x[:len(dst)], subtract[:len(dst)], divide[:len(dst)]
	for i, v := range x {
		dst[i] = T((float64(v) - subtract[i]) / divide[i])
	}
}
