// What the vector sets do element by element, row by row and in reductions. This
// is the Go around the assembly: it checks lengths like the portable kernels, and
// cuts long slices so that no call of assembly takes longer than some tens of
// microseconds (see strips_amd64.go).
//
// Element-wise kernels without exponentials, updates and sums give the bits of
// the portable set: their assembly does the same operations in the same order.

package kernel

import "math"

// A loop is assembly over dst, a and b with a number s; it may use fewer. If past is not 0 it may write dst past the caches; n is then more than a
// vector.
type loop func(n int, dst, a, b *float32, s float32, past int)

// vectors is the assembly of a set.
type vectors struct {
	add, sub, mul, mulAdd, axpy, scale, fill loop
	relu, reluBack, reluBackAdd              loop
	sigmoid, sigmoidBack, sigmoidBackAdd     loop
	tanh, tanhBack, tanhBackAdd              loop
	exp, log, erf                            loop
	gelu, geluBack, geluBackAdd              loop
	geluTanh, geluTanhBack, geluTanhBackAdd  loop
	silu, siluBack, siluBackAdd              loop
	softplus, softplusBack, softplusBackAdd  loop
	elu                                      func(n int, dst, a *float32, positive, negative, width float32)
	eluBack, eluBackAdd                      func(n int, dst, a, b *float32, positive, negative, width float32)
	sumRows                                  func(rows, cols int, dst, x *float32, ldx, add int)
	sumAcross                                int // columns of one call of sumRows
	products, sums, squares                  sumTree
	finite, within, max                      func(n int, x *float32) float32
	rows                                     rowKernels
	sgd                                      func(n int, w, grad *float32, lr, scale, decay float32, flags int)
	momentum                                 func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)
	adam                                     func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, eps float32, flags int)
	rmsprop                                  func(n int, w, v, mean, velocity, grad *float32, scale, decay, rho, fresh, mu, into, out, eps float32, flags int)
	adagrad                                  func(n int, w, sum, grad *float32, lr, scale, decay, eps float32, flags int)
	adadelta                                 func(n int, w, v, steps, grad *float32, lr, scale, decay, rho, fresh, eps float32, flags int)
	amsgrad                                  func(n int, w, m, v, largest, grad *float32, scale, decay, fresh1, beta2, fresh2, step, fall, eps float32, flags int)
}

// A sumTree is the assembly of Table.Sum's tree: the sums of two, three or four of its leaves, the one of eight, and of one that may be incomplete.
type sumTree struct {
	two, three, four func(a, b *float32) (s0, s1, s2, s3 float64)
	eight            func(a, b *float32) float64
	leaf             func(n int, a, b *float32) float64
}

// into sets the fields of a table.
func (v *vectors) into(t *Table[float32]) {
	t.Add, t.Sub, t.Mul, t.MulAdd = v.add.three(), v.sub.three(), v.mul.three(), v.mulAdd.three()
	t.Axpy = func(y []float32, a float32, x []float32) { v.axpy.run(y, x[:len(y):len(x)], nil, a) }
	t.Scale = func(dst []float32, a float32, x []float32) { v.scale.run(dst, x[:len(dst):len(x)], nil, a) }
	t.Fill = func(dst []float32, s float32) { v.fill.run(dst, nil, nil, s) }
	t.AddBias, t.SumRows = v.runAddBias, v.runSumRows
	t.Relu, t.Sigmoid, t.Tanh, t.Exp = v.relu.two(), v.sigmoid.two(), v.tanh.two(), v.exp.two()
	t.ReluBack = back(v.reluBack, v.reluBackAdd)
	t.SigmoidBack = back(v.sigmoidBack, v.sigmoidBackAdd)
	t.TanhBack = back(v.tanhBack, v.tanhBackAdd)
	t.Log, t.Erf = v.log.two(), v.erf.two()
	t.GELU, t.GELUBack = v.gelu.two(), back(v.geluBack, v.geluBackAdd)
	t.GELUTanh, t.GELUTanhBack = v.geluTanh.two(), back(v.geluTanhBack, v.geluTanhBackAdd)
	t.SiLU, t.SiLUBack = v.silu.two(), back(v.siluBack, v.siluBackAdd)
	t.Softplus, t.SoftplusBack = v.softplus.two(), back(v.softplusBack, v.softplusBackAdd)
	t.ELU, t.ELUBack = v.runELU, v.runELUBack
	t.Sum = func(x []float32) float64 { return v.sums.of(x, x) }
	t.Dot, t.SumSquares = v.products.of, func(x []float32) float64 { return v.squares.of(x, x) }
	t.Max, t.NonFinite, t.Within = v.maximum, v.nonFinite, v.runWithin
	t.Softmax, t.SoftmaxBack = v.softmax, v.softmaxBack
	t.LogSoftmax, t.LogSoftmaxBack, t.LogSumExp = v.logSoftmax, v.logSoftmaxBack, v.logSumExp
	t.CrossEntropy, t.CrossEntropyRows, t.CrossEntropyBack = v.crossEntropy, v.crossEntropyRows, v.crossEntropyBack
	t.LayerNorm, t.LayerNormBack = v.layerNorm, v.layerNormBack
	t.SGD, t.Momentum, t.Adam = v.runSGD, v.runMomentum, v.runAdam
	t.RMSProp, t.AdaGrad, t.Adadelta, t.AMSGrad = v.runRMSProp, v.runAdaGrad, v.runAdadelta, v.runAMSGrad
}

// farLarger is the bytes of slices that no cache is likely to hold until they are used again.
const farLarger = 48 << 20

// run runs the loop over the length of dst. a and b are as long, or nil where
// the loop doesn't use them.
func (f loop) run(dst, a, b []float32, s float32) {
	most, past := piece, 0
	if f.pays(dst, a, b) {
		most, past = longRow, 1
	}
	for i := 0; i < len(dst); i += most {
		var x, y *float32
		if a != nil {
			x = &a[i]
		}
		if b != nil {
			y = &b[i]
		}
		n := min(most, len(dst)-i)
		f.call(n, &dst[i], x, y, s, past&flagOf(n >= piece))
	}
}

// pays says whether it pays to write dst past the caches: there it must not lie already.
func (f loop) pays(dst, a, b []float32) bool {
	bytes := 4 * (len(dst) + len(a) + len(b))
	return bytes >= farLarger && !(a != nil && &a[0] == &dst[0]) && !(b != nil && &b[0] == &dst[0])
}

// call is a function of its own so that the goroutine can be stopped at its start.
//
//go:noinline
func (f loop) call(n int, dst, a, b *float32, s float32, past int) { f(n, dst, a, b, s, past) }

func (f loop) two() func(dst, x []float32) {
	return func(dst, x []float32) {
		if len(dst) > 0 {
			f.run(dst, x[:len(dst):len(x)], nil, 0)
		}
	}
}

func (f loop) three() func(dst, a, b []float32) {
	return func(dst, a, b []float32) {
		a, b = a[:len(dst):len(a)], b[:len(dst):len(b)]
		if len(dst) > 0 {
			f.run(dst, a, b, 0)
		}
	}
}

// back is a derivative from its two forms.
func back(set, add loop) func(dx, y, dy []float32, add bool) {
	return func(dx, y, dy []float32, sum bool) {
		y, dy = y[:len(dx):len(y)], dy[:len(dx):len(dy)]
		switch {
		case len(dx) == 0:
		case sum:
			add.run(dx, y, dy, 0)
		default:
			set.run(dx, y, dy, 0)
		}
	}
}

func (v *vectors) runAddBias(rows, cols int, y []float32, ldy int, bias []float32) {
	checkMatrix(rows, cols, y, ldy)
	if rows == 0 {
		return
	}
	bias = bias[:cols:len(bias)]
	if cols == 0 {
		return
	}
	for r := range rows {
		row := y[r*ldy:][:cols]
		v.add.run(row, row, bias, 0)
	}
}

func (v *vectors) runSumRows(rows, cols int, dst, x []float32, ldx int, add bool) {
	checkMatrix(rows, cols, x, ldx)
	dst = dst[:cols:len(dst)]
	if rows == 0 {
		if !add {
			clear(dst)
		}
		return
	}
	const most = piece / 32 // rows of a call
	for j := 0; j < cols; j += v.sumAcross {
		w := min(v.sumAcross, cols-j)
		sum := 0
		if add {
			sum = 1
		}
		for r := 0; r < rows; r += most {
			v.callSumRows(min(most, rows-r), w, &dst[j], &x[r*ldx+j], ldx, sum)
			sum = 1
		}
	}
}

//go:noinline
func (v *vectors) callSumRows(rows, cols int, dst, x *float32, ldx, add int) {
	v.sumRows(rows, cols, dst, x, ldx, add)
}

// of is the sum over the tree; up to four leaves are summed by one call.
func (t *sumTree) of(a, b []float32) float64 {
	b = b[:len(a):len(b)]
	switch n := len(a); {
	case n == 0:
		return 0
	case n <= leaf:
		return t.leaf(n, &a[0], &b[0])
	case n == 2*leaf:
		s0, s1, _, _ := t.two(&a[0], &b[0])
		return s0 + s1
	case n == 3*leaf:
		s0, s1, s2, _ := t.three(&a[0], &b[0])
		return (s0 + s1) + s2
	case n == 4*leaf:
		s0, s1, s2, s3 := t.four(&a[0], &b[0])
		return (s0 + s1) + (s2 + s3)
	case n == 8*leaf:
		return t.eight(&a[0], &b[0])
	default:
		h := half(n)
		return t.of(a[:h], b[:h]) + t.of(a[h:], b[h:])
	}
}

func (v *vectors) maximum(x []float32) float32 {
	most := float32(math.Inf(-1))
	for len(x) > 0 {
		n := min(piece, len(x))
		if v.callReduce(v.finite, n, &x[0]) == 0 {
			most = max(most, v.callReduce(v.max, n, &x[0]))
		} else {
			most = max(most, maximum(x[:n]))
		}
		x = x[n:]
	}
	return most
}

func (v *vectors) nonFinite(x []float32) int {
	for i := 0; i < len(x); i += piece {
		n := min(piece, len(x)-i)
		if v.callReduce(v.finite, n, &x[i]) != 0 {
			return i + nonFinite(x[i:][:n])
		}
	}
	return -1
}

func (v *vectors) runWithin(x []float32) bool {
	for i := 0; i < len(x); i += piece {
		if v.callReduce(v.within, min(piece, len(x)-i), &x[i]) != 0 {
			return false
		}
	}
	return true
}

//go:noinline
func (v *vectors) callReduce(f func(n int, x *float32) float32, n int, x *float32) float32 {
	return f(n, x)
}

func (v *vectors) runELU(dst, x []float32, h ELU) {
	x = x[:len(dst):len(x)]
	for i := 0; i < len(dst); i += piece {
		v.callELU(min(piece, len(dst)-i), &dst[i], &x[i], &h)
	}
}

//go:noinline
func (v *vectors) callELU(n int, dst, x *float32, h *ELU) {
	v.elu(n, dst, x, float32(h.Positive), float32(h.Negative), float32(h.Width))
}

func (v *vectors) runELUBack(dx, x, dy []float32, add bool, h ELU) {
	x, dy = x[:len(dx):len(x)], dy[:len(dx):len(dy)]
	f := v.eluBack
	if add {
		f = v.eluBackAdd
	}
	for i := 0; i < len(dx); i += piece {
		callELUBack(f, min(piece, len(dx)-i), &dx[i], &x[i], &dy[i], &h)
	}
}

//go:noinline
func callELUBack(f func(n int, dst, a, b *float32, positive, negative, width float32), n int, dx, x, dy *float32, h *ELU) {
	f(n, dx, x, dy, float32(h.Positive), float32(h.Negative/h.Width), float32(h.Width))
}
