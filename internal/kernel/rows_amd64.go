// Row kernels of the vector sets. A call of assembly takes as many rows as make up some tens of microseconds; rows so long that one would take
// more are cut, and which rows those are depends on their length alone.

package kernel

// A softmaxRows is assembly over rows; the last two arguments are the losses and the classes, where it uses them.
type softmaxRows func(rows, cols int, dst *float32, ldd int, x *float32, ldx int, loss, class *float32)

// rowKernels is the assembly of a set for rows.
type rowKernels struct {
	softmax, crossEntropy, logSoftmax softmaxRows
	crossEntropyBack                  func(rows, cols int, dx *float32, lddx int, p *float32, ldp int, class, d *float32, add int)
	expTotal                          func(n int, x *float32, top float32) float64
	softmaxBack, softmaxBackAdd       func(n int, dst, a, b *float32, mean float64, past int)
	logSoftmaxBack, logSoftmaxBackAdd loop
	layerNorm                         func(rows, cols int, y, x, scale, shift, mean, inverse *float32, epsilon float64, past int)
	layerNormBack                     func(rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse *float32, add, past int)
}

// longRow is the most columns of a row that is not cut.
const longRow = 4 * piece

// rowsOf is how many rows of so many columns a call takes. A row costs as much as some columns more.
func rowsOf(cols int) int { return max(1, piece/(cols+16)) }

func flagOf(set bool) int {
	if set {
		return 1
	}
	return 0
}

// run runs f over rows of at most longRow columns. loss and class may be nil.
func (f softmaxRows) run(rows, cols int, dst []float32, ldd int, x []float32, ldx int, loss, class []float32) {
	most := rowsOf(cols)
	for r := 0; r < rows; r += most {
		var l, c *float32
		if loss != nil {
			l, c = &loss[r], &class[r]
		}
		f.call(min(most, rows-r), cols, &dst[r*ldd], ldd, &x[r*ldx], ldx, l, c)
	}
}

//go:noinline
func (f softmaxRows) call(rows, cols int, dst *float32, ldd int, x *float32, ldx int, loss, class *float32) {
	f(rows, cols, dst, ldd, x, ldx, loss, class)
}

func (v *vectors) softmax(rows, cols int, dst []float32, ldd int, x []float32, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	switch {
	case cols == 0:
	case cols <= longRow:
		v.rows.softmax.run(rows, cols, dst, ldd, x, ldx, nil, nil)
	default:
		for r := range rows {
			v.longSoftmax(dst[r*ldd:][:cols], x[r*ldx:][:cols])
		}
	}
}

// total is the sum of exp(x-h).
func (v *vectors) total(x []float32, h float32) float64 {
	total := 0.0
	for i := 0; i < len(x); i += piece {
		total += v.callExpTotal(min(piece, len(x)-i), &x[i], h)
	}
	return total
}

//go:noinline
func (v *vectors) callExpTotal(n int, x *float32, top float32) float64 {
	return v.rows.expTotal(n, x, top)
}

// longSoftmax stores the softmax of a row and returns what its exponentials were divided by.
func (v *vectors) longSoftmax(dst, x []float32) float64 {
	h := v.maximum(x)
	total := v.total(x, h)
	for i := 0; i < len(dst); i += piece {
		to, from := dst[i:min(i+piece, len(dst))], x[i:min(i+piece, len(dst))]
		v.diminish(to, from, h)
		v.exp.run(to, to, nil, 0)
		v.scale.run(to, to, nil, float32(1/total))
	}
	return total
}

// diminish is dst = x - h.
func (v *vectors) diminish(dst, x []float32, h float32) {
	for i, a := range x[:len(dst)] {
		dst[i] = a - h
	}
}

func (v *vectors) softmaxBack(rows, cols int, dx []float32, lddx int, y []float32, ldy int, dy []float32, lddy int, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, y, ldy)
	checkMatrix(rows, cols, dy, lddy)
	if cols == 0 {
		return
	}
	f := v.rows.softmaxBack
	if add {
		f = v.rows.softmaxBackAdd
	}
	past := cols >= leaf && 4*3*rows*cols >= farLarger && !add && &dx[0] != &y[0] && &dx[0] != &dy[0]
	for r := range rows {
		dx, y, dy := dx[r*lddx:][:cols], y[r*ldy:][:cols], dy[r*lddy:][:cols]
		mean := v.products.of(dy, y)
		for i := 0; i < cols; i += piece {
			n := min(piece, cols-i)
			callSoftmaxBack(f, n, &dx[i], &y[i], &dy[i], mean, flagOf(past && n >= leaf))
		}
	}
}

//go:noinline
func callSoftmaxBack(f func(n int, dst, a, b *float32, mean float64, past int), n int, dx, y, dy *float32, mean float64, past int) {
	f(n, dx, y, dy, mean, past)
}

func (v *vectors) logSoftmax(rows, cols int, dst []float32, ldd int, x []float32, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	switch {
	case cols == 0:
	case cols <= longRow:
		v.rows.logSoftmax.run(rows, cols, dst, ldd, x, ldx, nil, nil)
	default:
		for r := range rows {
			x, y := x[r*ldx:][:cols], dst[r*ldd:][:cols]
			h := v.maximum(x)
			total := float32(Log(v.total(x, h)))
			for i, a := range x {
				y[i] = (a - h) - total
			}
		}
	}
}

func (v *vectors) logSoftmaxBack(rows, cols int, dx []float32, lddx int, y []float32, ldy int, dy []float32, lddy int, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, y, ldy)
	checkMatrix(rows, cols, dy, lddy)
	if cols == 0 {
		return
	}
	f := v.rows.logSoftmaxBack
	if add {
		f = v.rows.logSoftmaxBackAdd
	}
	for r := range rows {
		dy := dy[r*lddy:][:cols]
		f.run(dx[r*lddx:][:cols], y[r*ldy:][:cols], dy, float32(v.sums.of(dy, dy)))
	}
}

func (v *vectors) logSumExp(x []float32) float64 {
	h := v.maximum(x)
	if h-h != 0 { // NaN, an infinity, or no values
		return float64(h)
	}
	return float64(h) + Log(v.total(x, h))
}

func (v *vectors) crossEntropy(p, x []float32, class int) float64 {
	x = x[:len(p):len(x)]
	logit := float64(x[class])
	h := v.maximum(x)
	total := v.total(x, h)
	v.softmax(1, len(p), p, len(p), x, len(p))
	return (float64(h) - logit) + Log(total)
}

func (v *vectors) crossEntropyRows(rows, cols int, loss []float32, p []float32, ldp int, x []float32, ldx int, class []float32) {
	checkMatrix(rows, cols, p, ldp)
	checkMatrix(rows, cols, x, ldx)
	checkClasses(rows, cols, class, loss)
	switch {
	case rows == 0:
	case cols <= longRow:
		v.rows.crossEntropy.run(rows, cols, p, ldp, x, ldx, loss, class)
	default:
		for r := range rows {
			x := x[r*ldx:][:cols]
			less := float64(v.maximum(x)) - float64(x[int(class[r])])
			loss[r] = float32(less + Log(v.longSoftmax(p[r*ldp:][:cols], x)))
		}
	}
}

func (v *vectors) crossEntropyBack(rows, cols int, dx []float32, lddx int, p []float32, ldp int, class, d []float32, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, p, ldp)
	checkClasses(rows, cols, class, d)
	most := rowsOf(cols)
	switch {
	case cols > longRow:
		crossEntropyBack(rows, cols, dx, lddx, p, ldp, class, d, add)
	default:
		for r := 0; r < rows; r += most {
			v.callCrossEntropyBack(min(most, rows-r), cols, &dx[r*lddx], lddx, &p[r*ldp], ldp, &class[r], &d[r], flagOf(add))
		}
	}
}

//go:noinline
func (v *vectors) callCrossEntropyBack(rows, cols int, dx *float32, lddx int, p *float32, ldp int, class, d *float32, add int) {
	v.rows.crossEntropyBack(rows, cols, dx, lddx, p, ldp, class, d, add)
}

func (v *vectors) layerNorm(rows, cols int, y, x, scale, shift, mean, inverse []float32, epsilon float64) {
	if rows == 0 || cols == 0 || cols > longRow {
		layerNorm(rows, cols, y, x, scale, shift, mean, inverse, epsilon)
		return
	}
	if rows > 0 && cols > 0 {
		_ = shift[cols-1]
	}
	checkLayerNorm(rows, cols, x, y, nil, scale, shift, nil, nil, mean, inverse)
	most, past := rowsOf(cols), 4*2*rows*cols >= farLarger && &x[0] != &y[0]
	if past {
		most *= longRow / piece
	}
	for r := 0; r < rows; r += most {
		v.callLayerNorm(min(most, rows-r), cols, &y[r*cols], &x[r*cols], &scale[0], &shift[0], &mean[r], &inverse[r], epsilon, flagOf(past))
	}
}

//go:noinline
func (v *vectors) callLayerNorm(rows, cols int, y, x, scale, shift, mean, inverse *float32, epsilon float64, past int) {
	v.rows.layerNorm(rows, cols, y, x, scale, shift, mean, inverse, epsilon, past)
}

func (v *vectors) layerNormBack(rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse []float32, add bool) {
	if rows == 0 || cols == 0 || cols > longRow {
		layerNormBack(rows, cols, dx, dscale, dshift, x, dy, scale, mean, inverse, add)
		return
	}
	checkLayerNorm(rows, cols, x, dy, dx, scale, nil, dscale, dshift, mean, inverse)
	most, past := rowsOf(cols), dx != nil && !add && 4*3*rows*cols >= farLarger && &dx[0] != &x[0] && &dx[0] != &dy[0]
	if past {
		most *= longRow / piece
	}
	for r := 0; r < rows; r += most {
		v.callLayerNormBack(min(most, rows-r), cols, at(dx, r*cols), at(dscale, 0), at(dshift, 0), &x[r*cols], &dy[r*cols], &scale[0], &mean[r], &inverse[r], flagOf(add), flagOf(past))
	}
}

// at is the address of an element, nil for no slice.
func at(x []float32, i int) *float32 {
	if x == nil {
		return nil
	}
	return &x[i]
}

//go:noinline
func (v *vectors) callLayerNormBack(rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse *float32, add, past int) {
	v.rows.layerNormBack(rows, cols, dx, dscale, dshift, x, dy, scale, mean, inverse, add, past)
}
