// Bytes that become numbers, and memory that is asked for before it is needed: the Go around the assembly.

package kernel

type byteKernels struct {
	divide   func(n int, dst *float32, src *byte, divisor, inverse float32)
	prefetch func(n int, x *byte)
}

func (k byteKernels) kernels() (func(dst []float32, src []byte, divisor float32), func(x []byte)) {
	return k.bytes, k.fetch
}

func (k byteKernels) bytes(dst []float32, src []byte, divisor float32) {
	src = src[:len(dst):len(src)]
	whole := len(dst) &^ 15
	for i := 0; i < whole; i += piece {
		k.callDivide(min(piece, whole-i), &dst[i], &src[i], divisor)
	}
	if whole == len(dst) {
		return
	}
	// The last few through memory of their own, so that every byte is divided in the same way.
	var from [16]byte
	var to [16]float32
	copy(from[:], src[whole:])
	k.callDivide(16, &to[0], &from[0], divisor)
	copy(dst[whole:], to[:])
}

//go:noinline
func (k byteKernels) callDivide(n int, dst *float32, src *byte, divisor float32) {
	k.divide(n, dst, src, divisor, 1/divisor)
}

func (k byteKernels) fetch(x []byte) {
	if len(x) > 0 {
		k.prefetch(min(len(x), piece), &x[0])
	}
}
