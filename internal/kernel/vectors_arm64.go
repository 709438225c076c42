// What the neon set does element by element, row by row and in reductions. This
// is the Go around the assembly: it checks lengths like the portable kernels, and
// cuts long slices so that no call of assembly takes longer than some tens of
// microseconds (see panels_arm64.go).
//
// Element-wise kernels without exponentials, updates, sums and maxima give the bits of the
// portable set: their assembly does the same operations in the same order.

package kernel

import "math"

// neonPiece is the most values that one call of assembly gets.
const neonPiece = 1 << 12

// A neonLoop is assembly over dst, a and b with a number s; it may use fewer.
type neonLoop func(n int, dst, a, b *float32, s float32)

// neonVectors sets the fields of a table that aren't products.
func neonVectors(t *Table[float32]) {
	t.Add, t.Sub, t.Mul, t.MulAdd = neonLoop(neonAdd).three(), neonLoop(neonSub).three(), neonLoop(neonMul).three(), neonLoop(neonMulAdd).three()
	t.Axpy = func(y []float32, a float32, x []float32) { neonLoop(neonAxpy).run(y, x[:len(y):len(x)], nil, a) }
	t.Scale = func(dst []float32, a float32, x []float32) { neonLoop(neonScale).run(dst, x[:len(dst):len(x)], nil, a) }
	t.Fill = func(dst []float32, s float32) { neonLoop(neonFill).run(dst, nil, nil, s) }
	t.Bytes, t.Prefetch = neonRunBytes, neonRunPrefetch
	t.AddBias, t.SumRows = neonAddBias, neonRunSumRows
	t.Relu, t.Sigmoid, t.Tanh, t.Exp = neonLoop(neonRelu).two(), neonLoop(neonSigmoid).two(), neonLoop(neonTanh).two(), neonLoop(neonExp).two()
	t.ReluBack = neonBack(neonReluBack, neonReluBackAdd)
	t.SigmoidBack = neonBack(neonSigmoidBack, neonSigmoidBackAdd)
	t.TanhBack = neonBack(neonTanhBack, neonTanhBackAdd)
	t.Sum, t.Dot, t.SumSquares = neonSum, neonDot, func(x []float32) float64 { return neonDot(x, x) }
	t.Max, t.NonFinite = neonMaximum, neonNonFinite
	t.Softmax, t.CrossEntropy, t.CrossEntropyRows = neonSoftmax, neonCrossEntropy, crossEntropyOf(neonCrossEntropy)
	t.SGD, t.Momentum, t.Adam = neonRunSGD, neonRunMomentum, neonRunAdam
}

// run runs the loop over the length of dst. a and b are as long, or nil where
// the loop doesn't use them.
func (f neonLoop) run(dst, a, b []float32, s float32) {
	for i := 0; i < len(dst); i += neonPiece {
		var x, y *float32
		if a != nil {
			x = &a[i]
		}
		if b != nil {
			y = &b[i]
		}
		f.call(min(neonPiece, len(dst)-i), &dst[i], x, y, s)
	}
}

// call is a function of its own so that the goroutine can be stopped at its start.
//
//go:noinline
func (f neonLoop) call(n int, dst, a, b *float32, s float32) { f(n, dst, a, b, s) }

func (f neonLoop) two() func(dst, x []float32) {
	return func(dst, x []float32) { f.run(dst, x[:len(dst):len(x)], nil, 0) }
}

func (f neonLoop) three() func(dst, a, b []float32) {
	return func(dst, a, b []float32) { f.run(dst, a[:len(dst):len(a)], b[:len(dst):len(b)], 0) }
}

// neonBack is a derivative from its two forms.
func neonBack(set, add neonLoop) func(dx, y, dy []float32, add bool) {
	return func(dx, y, dy []float32, sum bool) {
		y, dy = y[:len(dx):len(y)], dy[:len(dx):len(dy)]
		if sum {
			add.run(dx, y, dy, 0)
		} else {
			set.run(dx, y, dy, 0)
		}
	}
}

func neonRunBytes(dst []float32, src []byte, divisor float32) {
	src = src[:len(dst):len(src)]
	whole := len(dst) &^ 15
	for i := 0; i < whole; i += neonPiece {
		neonCallBytes(min(neonPiece, whole-i), &dst[i], &src[i], divisor)
	}
	for i := whole; i < len(dst); i++ {
		dst[i] = float32(src[i]) / divisor
	}
}

//go:noinline
func neonCallBytes(n int, dst *float32, src *byte, divisor float32) { neonBytes(n, dst, src, divisor) }

// neonRunPrefetch asks for the first part of x only, as more would not wait in the cache.
func neonRunPrefetch(x []byte) {
	if len(x) > 0 {
		neonPrefetch(min(len(x), neonPiece), &x[0])
	}
}

func neonAddBias(rows, cols int, y []float32, ldy int, bias []float32) {
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
		neonLoop(neonAdd).run(row, row, bias, 0)
	}
}

func neonRunSumRows(rows, cols int, dst, x []float32, ldx int, add bool) {
	checkMatrix(rows, cols, x, ldx)
	dst = dst[:cols:len(dst)]
	if rows == 0 {
		if !add {
			clear(dst)
		}
		return
	}
	const across = 64               // columns of a call
	const most = neonPiece / across // its rows
	for j := 0; j < cols; j += across {
		w, sum := min(across, cols-j), 0
		if add {
			sum = 1
		}
		for r := 0; r < rows; r += most {
			neonCallSumRows(min(most, rows-r), w, &dst[j], &x[r*ldx+j], ldx, sum)
			sum = 1
		}
	}
}

//go:noinline
func neonCallSumRows(rows, cols int, dst, x *float32, ldx, add int) {
	neonSumRows(rows, cols, dst, x, ldx, add)
}

// neonSum is the tree of Table.Sum, neonDot that of Table.Dot.
func neonSum(x []float32) float64 {
	switch n := len(x); {
	case n == 0:
		return 0
	case n <= leaf:
		return neonSumLeaf(n, &x[0])
	case n == 2*leaf:
		s0, s1 := neonSumLeaves(&x[0])
		return s0 + s1
	default:
		h := half(n)
		return neonSum(x[:h]) + neonSum(x[h:])
	}
}

func neonDot(a, b []float32) float64 {
	b = b[:len(a):len(b)]
	switch n := len(a); {
	case n == 0:
		return 0
	case n <= leaf:
		return neonDotLeaf(n, &a[0], &b[0])
	case n == 2*leaf:
		s0, s1 := neonDotLeaves(&a[0], &b[0])
		return s0 + s1
	default:
		h := half(n)
		return neonDot(a[:h], b[:h]) + neonDot(a[h:], b[h:])
	}
}

func neonMaximum(x []float32) float32 {
	most := float32(math.Inf(-1))
	for i := 0; i < len(x); i += neonPiece {
		most = max(most, neonCallReduce(neonMax, min(neonPiece, len(x)-i), &x[i]))
	}
	return most
}

func neonNonFinite(x []float32) int {
	for i := 0; i < len(x); i += neonPiece {
		n := min(neonPiece, len(x)-i)
		if neonCallReduce(neonFinite, n, &x[i]) != 0 {
			return i + nonFinite(x[i:][:n])
		}
	}
	return -1
}

//go:noinline
func neonCallReduce(f func(n int, x *float32) float32, n int, x *float32) float32 { return f(n, x) }

func neonSoftmax(rows, cols int, dst []float32, ldd int, x []float32, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	if cols == 0 {
		return
	}
	for r := range rows {
		from := x[r*ldx:][:cols]
		neonSoftmaxRow(dst[r*ldd:][:cols], from, neonMaximum(from))
	}
}

// neonSoftmaxRow stores the softmax of x, whose maximum is h, in dst and returns
// the sum of exp(x-h).
func neonSoftmaxRow(dst, x []float32, h float32) float64 {
	x = x[:len(dst)]
	total := 0.0
	for i := 0; i < len(dst); i += neonPiece {
		total += neonCallExpSum(min(neonPiece, len(dst)-i), &dst[i], &x[i], h)
	}
	neonLoop(neonScale).run(dst, dst, nil, float32(1/total))
	return total
}

//go:noinline
func neonCallExpSum(n int, dst, x *float32, top float32) float64 { return neonExpSum(n, dst, x, top) }

func neonCrossEntropy(p, x []float32, class int) float64 {
	x = x[:len(p):len(x)]
	logit := float64(x[class])
	h := neonMaximum(x)
	total := neonSoftmaxRow(p, x, h)
	return (float64(h) - logit) + Log(total)
}

func neonRunSGD(w, grad []float32, h SGD) {
	grad = grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags = 1
	}
	for i := 0; i < len(w); i += neonPiece {
		neonCallSGD(min(neonPiece, len(w)-i), &w[i], &grad[i], &h, flags)
	}
}

//go:noinline
func neonCallSGD(n int, w, grad *float32, h *SGD, flags int) {
	scale, lr := h.folded(flags != 0)
	neonSGD(n, w, grad, float32(lr), float32(scale), float32(h.Decay), flags)
}

func neonRunMomentum(w, v, grad []float32, h Momentum) {
	v, grad = v[:len(w):len(v)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if h.Nesterov {
		flags |= 2
	}
	for i := 0; i < len(w); i += neonPiece {
		neonCallMomentum(min(neonPiece, len(w)-i), &w[i], &v[i], &grad[i], &h, flags)
	}
}

//go:noinline
func neonCallMomentum(n int, w, v, grad *float32, h *Momentum, flags int) {
	into, out := float32(1), float32(h.LR)
	if h.Folded {
		into, out = out, 1
	}
	neonMomentum(n, w, v, grad, float32(h.Scale), float32(h.Decay), float32(h.Mu), into, float32(1-h.Dampening), out, flags)
}

func neonRunAdam(w, m, v, grad []float32, h Adam) {
	m, v, grad = m[:len(w):len(m)], v[:len(w):len(v)], grad[:len(w):len(grad)]
	flags := 0
	if float32(h.Decay) != 0 {
		flags |= 1
	}
	if short[float32](h.Beta1) {
		flags |= 2
	}
	if h.EpsInside {
		flags |= 4
	}
	if short[float32](h.Beta2) {
		flags |= 8
	}
	for i := 0; i < len(w); i += neonPiece {
		neonCallAdam(min(neonPiece, len(w)-i), &w[i], &m[i], &v[i], &grad[i], &h, flags)
	}
}

//go:noinline
func neonCallAdam(n int, w, m, v, grad *float32, h *Adam, flags int) {
	step, eps := folded[float32](h)
	neonAdam(n, w, m, v, grad, float32(h.Scale), float32(h.Decay), float32(1-h.Decoupled),
		float32(h.Beta1), float32(1-h.Beta1), float32(h.Beta2), float32(1-h.Beta2), float32(step), float32(eps), flags)
}
