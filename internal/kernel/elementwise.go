// Kernels that compute each element from the elements at the same place. All
// lengths are checked by reslicing before the loop, which also lets the compiler
// drop the bounds checks inside it; the third index holds a slice to its length
// where its capacity would allow more.

package kernel

func add[T Float](dst, a, b []T) {
	a, b = a[:len(dst):len(a)], b[:len(dst):len(b)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func sub[T Float](dst, a, b []T) {
	a, b = a[:len(dst):len(a)], b[:len(dst):len(b)]
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mul[T Float](dst, a, b []T) {
	a, b = a[:len(dst):len(a)], b[:len(dst):len(b)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func mulAdd[T Float](dst, a, b []T) {
	a, b = a[:len(dst):len(a)], b[:len(dst):len(b)]
	for i := range dst {
		dst[i] += T(a[i] * b[i])
	}
}

func axpy[T Float](y []T, a T, x []T) {
	x = x[:len(y):len(x)]
	for i := range y {
		y[i] += T(a * x[i])
	}
}

func scale[T Float](dst []T, a T, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = a * x[i]
	}
}

func fill[T Float](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func relu[T Float](dst, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = max(x[i], 0)
	}
}

func reluBack[T Float](dx, y, dy []T, add bool) {
	y, dy = y[:len(dx):len(y)], dy[:len(dx):len(dy)]
	if add {
		for i := range dx {
			if !(y[i] <= 0) {
				dx[i] += dy[i]
			}
		}
		return
	}
	for i := range dx {
		d := dy[i]
		if y[i] <= 0 {
			d = 0
		}
		dx[i] = d
	}
}

func sigmoid[T Float](dst, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = T(Sigmoid(float64(x[i])))
	}
}

func sigmoidBack[T Float](dx, y, dy []T, add bool) {
	y, dy = y[:len(dx):len(y)], dy[:len(dx):len(dy)]
	if add {
		for i := range dx {
			dx[i] += T(dy[i] * T(y[i]*(1-y[i])))
		}
		return
	}
	for i := range dx {
		dx[i] = dy[i] * T(y[i]*(1-y[i]))
	}
}

func tanh[T Float](dst, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = T(Tanh(float64(x[i])))
	}
}

func tanhBack[T Float](dx, y, dy []T, add bool) {
	y, dy = y[:len(dx):len(y)], dy[:len(dx):len(dy)]
	if add {
		for i := range dx {
			dx[i] += T(dy[i] * (1 - T(y[i]*y[i])))
		}
		return
	}
	for i := range dx {
		dx[i] = dy[i] * (1 - T(y[i]*y[i]))
	}
}

func exp[T Float](dst, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = T(Exp(float64(x[i])))
	}
}

func log[T Float](dst, x []T) {
	x = x[:len(dst):len(x)]
	for i := range dst {
		dst[i] = T(Log(float64(x[i])))
	}
}
