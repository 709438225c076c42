// What the vector sets do element by element, row by row and in reductions. This
// is the Go around the assembly: it checks lengths like the portable kernels, and
// cuts long slices so that no call of assembly takes longer than some tens of
// microseconds (see strips_amd64.go).
//
// Element-wise kernels without exponentials, updates and sums give the bits of
// the portable set: their assembly does the same operations in the same order.

package kernel

import "math"

// A loop is assembly over dst, a and b with a number s; it may use fewer.
type loop func(n int, dst, a, b *float32, s float32)

// vectors is the assembly of a set.
type vectors struct {
	add, sub, mul, mulAdd, axpy, scale, fill loop
	relu, reluBack, reluBackAdd              loop
	sigmoid, sigmoidBack, sigmoidBackAdd     loop
	tanh, tanhBack, tanhBackAdd, exp         loop
	sumRows                                  func(rows, cols int, dst, x *float32, ldx, add int)
	sumAcross                                int // columns of one call of sumRows
	leaves2, leaves3, leaves4                func(a, b *float32) (s0, s1, s2, s3 float64)
	leaf                                     func(n int, a, b *float32) float64
	finite, max                              func(n int, x *float32) float32
	expSum                                   func(n int, dst, x *float32, top float32) float64
	sgd                                      func(n int, w, grad *float32, lr, scale, decay float32, flags int)
	momentum                                 func(n int, w, v, grad *float32, scale, decay, mu, into, fresh, out float32, flags int)
	adam                                     func(n int, w, m, v, grad *float32, scale, decay, keep, beta1, fresh1, beta2, fresh2, step, rise, correction2, eps float32, flags int)
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
	t.Dot, t.SumSquares = v.dot, func(x []float32) float64 { return v.dot(x, x) }
	t.Max, t.NonFinite = v.maximum, v.nonFinite
	t.Softmax, t.CrossEntropy = v.softmax, v.crossEntropy
	t.SGD, t.Momentum, t.Adam = v.runSGD, v.runMomentum, v.runAdam
}

// run runs the loop over the length of dst. a and b are as long, or nil where
// the loop doesn't use them.
func (f loop) run(dst, a, b []float32, s float32) {
	for i := 0; i < len(dst); i += piece {
		var x, y *float32
		if a != nil {
			x = &a[i]
		}
		if b != nil {
			y = &b[i]
		}
		f.call(min(piece, len(dst)-i), &dst[i], x, y, s)
	}
}

// call is a function of its own so that the goroutine can be stopped at its start.
//
//go:noinline
func (f loop) call(n int, dst, a, b *float32, s float32) { f(n, dst, a, b, s) }

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

// dot is the tree of Table.Sum; up to four of its leaves are summed by one call.
func (v *vectors) dot(a, b []float32) float64 {
	b = b[:len(a):len(b)]
	switch n := len(a); {
	case n == 0:
		return 0
	case n <= leaf:
		return v.leaf(n, &a[0], &b[0])
	case n == 2*leaf:
		s0, s1, _, _ := v.leaves2(&a[0], &b[0])
		return s0 + s1
	case n == 3*leaf:
		s0, s1, s2, _ := v.leaves3(&a[0], &b[0])
		return (s0 + s1) + s2
	case n == 4*leaf:
		s0, s1, s2, s3 := v.leaves4(&a[0], &b[0])
		return (s0 + s1) + (s2 + s3)
	default:
		h := half(n)
		return v.dot(a[:h], b[:h]) + v.dot(a[h:], b[h:])
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

//go:noinline
func (v *vectors) callReduce(f func(n int, x *float32) float32, n int, x *float32) float32 {
	return f(n, x)
}

func (v *vectors) softmax(rows, cols int, dst []float32, ldd int, x []float32, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	if cols == 0 {
		return
	}
	for r := range rows {
		from := x[r*ldx:][:cols]
		v.softmaxRow(dst[r*ldd:][:cols], from, v.maximum(from))
	}
}

// softmaxRow stores the softmax of x, whose maximum is h, in dst and returns
// the sum of exp(x-h).
func (v *vectors) softmaxRow(dst, x []float32, h float32) float64 {
	x = x[:len(dst)]
	total := 0.0
	for i := 0; i < len(dst); i += piece {
		total += v.callExpSum(min(piece, len(dst)-i), &dst[i], &x[i], h)
	}
	v.scale.run(dst, dst, nil, float32(1/total))
	return total
}

//go:noinline
func (v *vectors) callExpSum(n int, dst, x *float32, top float32) float64 {
	return v.expSum(n, dst, x, top)
}

func (v *vectors) crossEntropy(p, x []float32, class int) float64 {
	x = x[:len(p):len(x)]
	logit := float64(x[class])
	h := v.maximum(x)
	total := v.softmaxRow(p, x, h)
	return (float64(h) - logit) + Log(total)
}

func (v *vectors) runSGD(w, grad []float32, h SGD) {
	grad = grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags = 1
	}
	for i := 0; i < len(w); i += piece {
		v.callSGD(min(piece, len(w)-i), &w[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callSGD(n int, w, grad *float32, h *SGD, flags int) {
	v.sgd(n, w, grad, float32(h.LR), float32(h.Scale), float32(h.Decay), flags)
}

func (v *vectors) runMomentum(w, vel, grad []float32, h Momentum) {
	vel, grad = vel[:len(w):len(vel)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if h.Nesterov {
		flags |= 2
	}
	for i := 0; i < len(w); i += piece {
		v.callMomentum(min(piece, len(w)-i), &w[i], &vel[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callMomentum(n int, w, vel, grad *float32, h *Momentum, flags int) {
	into, out := float32(1), float32(h.LR)
	if h.Folded {
		into, out = out, 1
	}
	v.momentum(n, w, vel, grad, float32(h.Scale), float32(h.Decay), float32(h.Mu), into, float32(1-h.Dampening), out, flags)
}

func (v *vectors) runAdam(w, m, s, grad []float32, h Adam) {
	m, s, grad = m[:len(w):len(m)], s[:len(w):len(s)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if float32(1-h.Beta1) >= 0.5 {
		flags |= 2
	}
	if h.EpsInside {
		flags |= 4
	}
	for i := 0; i < len(w); i += piece {
		v.callAdam(min(piece, len(w)-i), &w[i], &m[i], &s[i], &grad[i], &h, flags)
	}
}

//go:noinline
func (v *vectors) callAdam(n int, w, m, s, grad *float32, h *Adam, flags int) {
	v.adam(n, w, m, s, grad, float32(h.Scale), float32(h.Decay), float32(1-h.Decoupled),
		float32(h.Beta1), float32(1-h.Beta1), float32(h.Beta2), float32(1-h.Beta2),
		float32(h.LR/h.Correction1), float32(1/sqrt(h.Correction2)), float32(h.Correction2), float32(h.Eps), flags)
}
