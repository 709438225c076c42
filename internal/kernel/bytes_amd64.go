// Bytes that become numbers, numbers that are scaled, and memory that is asked for before it is needed: the Go around the assembly.

package kernel

type byteKernels struct {
	convert  func(n int, dst *float32, src *byte, divisor, inverse float32)
	divide   func(n int, dst, x *float32, divisor float32)
	scale    func(n int, dst, x *float32, subtract, divide *float64)
	prefetch func(n int, x *byte)
}

func (k byteKernels) kernels(t *Table[float32]) {
	t.Bytes, t.Divide, t.Standardize, t.Prefetch = k.bytes, k.numbers, k.standardize, k.fetch
}

func (k byteKernels) bytes(dst []float32, src []byte, divisor float32) {
	src = src[:len(dst):len(src)]
	whole := len(dst) &^ 15
	for i := 0; i < whole; i += piece {
		k.callConvert(min(piece, whole-i), &dst[i], &src[i], divisor)
	}
	if whole == len(dst) {
		return
	}
	// The last few through memory of their own, so that every byte is divided in the same way.
	var from [16]byte
	var to [16]float32
	copy(from[:], src[whole:])
	k.callConvert(16, &to[0], &from[0], divisor)
	copy(dst[whole:], to[:])
}

//go:noinline
func (k byteKernels) callConvert(n int, dst *float32, src *byte, divisor float32) {
	k.convert(n, dst, src, divisor, 1/divisor)
}

func (k byteKernels) numbers(dst, x []float32, divisor float32) {
	x = x[:len(dst)]
	whole := len(dst) &^ 15
	for i := 0; i < whole; i += piece {
		k.callDivide(min(piece, whole-i), &dst[i], &x[i], divisor)
	}
	for i := whole; i < len(dst); i++ {
		dst[i] = x[i] / divisor // rounded once, as in a vector
	}
}

//go:noinline
func (k byteKernels) callDivide(n int, dst, x *float32, divisor float32) {
	k.divide(n, dst, x, divisor)
}

func (k byteKernels) standardize(dst, x []float32, subtract, divide []float64) {
	n := len(dst)
	x, subtract, divide = x[:n], subtract[:n], divide[:n]
	whole := n &^ 15
	for i := 0; i < whole; i += piece {
		k.callScale(min(piece, whole-i), &dst[i], &x[i], &subtract[i], &divide[i])
	}
	standardize(dst[whole:], x[whole:], subtract[whole:], divide[whole:])
}

//go:noinline
func (k byteKernels) callScale(n int, dst, x *float32, subtract, divide *float64) {
	k.scale(n, dst, x, subtract, divide)
}

func (k byteKernels) fetch(x []byte) {
	if len(x) > 0 {
		k.prefetch(min(len(x), piece), &x[0])
	}
}
