// Softmax, its logarithm's normalizer, and the loss that is built on them. The
// row's maximum is subtracted first, so that nothing overflows; exponentials and
// their sum are float64 in either precision.

package kernel

import "fmt"

func softmax[T Float](rows, cols int, dst []T, ldd int, x []T, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	if cols == 0 {
		return
	}
	for r := range rows {
		from := x[r*ldx:][:cols]
		softmaxRow(dst[r*ldd:][:cols], from, maximum(from))
	}
}

// softmaxRow stores the softmax of x, whose maximum is h, in dst and returns
// the sum of exp(x-h).
func softmaxRow[T Float](dst, x []T, h T) float64 {
	x = x[:len(dst)]
	total := 0.0
	for j, v := range x {
		e := Exp(float64(v) - float64(h))
		total += e
		dst[j] = T(e)
	}
	for j, e := range dst {
		dst[j] = T(float64(e) / total)
	}
	return total
}

func softmaxBack[T Float](rows, cols int, dx []T, lddx int, y []T, ldy int, dy []T, lddy int, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, y, ldy)
	checkMatrix(rows, cols, dy, lddy)
	if cols == 0 {
		return
	}
	for r := range rows {
		dx, y, dy := dx[r*lddx:][:cols], y[r*ldy:][:cols], dy[r*lddy:][:cols]
		mean := dot(dy, y)
		for j := range dx {
			d := T(float64(y[j]) * (float64(dy[j]) - mean))
			if add {
				d += dx[j]
			}
			dx[j] = d
		}
	}
}

func logSumExp[T Float](x []T) float64 {
	h := float64(maximum(x))
	if h-h != 0 { // NaN, an infinity, or no values
		return h
	}
	return h + Log(expTotal(x, h))
}

// expTotal is the sum of exp(x-h).
func expTotal[T Float](x []T, h float64) float64 {
	total := 0.0
	for _, v := range x {
		total += Exp(float64(v) - h)
	}
	return total
}

func logSoftmax[T Float](rows, cols int, dst []T, ldd int, x []T, ldx int) {
	checkMatrix(rows, cols, dst, ldd)
	checkMatrix(rows, cols, x, ldx)
	if cols == 0 {
		return
	}
	for r := range rows {
		x, y := x[r*ldx:][:cols], dst[r*ldd:][:cols]
		h := float64(maximum(x))
		total := Log(expTotal(x, h))
		for i, v := range x {
			y[i] = T((float64(v) - h) - total)
		}
	}
}

func logSoftmaxBack[T Float](rows, cols int, dx []T, lddx int, y []T, ldy int, dy []T, lddy int, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, y, ldy)
	checkMatrix(rows, cols, dy, lddy)
	if cols == 0 {
		return
	}
	for r := range rows {
		dx, y, dy := dx[r*lddx:][:cols], y[r*ldy:][:cols], dy[r*lddy:][:cols]
		total := sum(dy)
		for i, d := range dy {
			g := T(float64(d) - float64(Exp(float64(y[i]))*total))
			if add {
				g += dx[i]
			}
			dx[i] = g
		}
	}
}

// checkClasses panics unless there is a class and a number a row and the classes are columns.
func checkClasses[T Float](rows, cols int, class, each []T) {
	class, _ = class[:rows:len(class)], each[:rows:len(each)]
	for _, c := range class {
		if !(c >= 0 && c < T(cols)) {
			panic(fmt.Sprintf("kernel: class %v of %d", c, cols))
		}
	}
}

func crossEntropy[T Float](p, x []T, class int) float64 {
	x = x[:len(p):len(x)]
	logit := float64(x[class])
	h := maximum(x)
	total := softmaxRow(p, x, h)
	// (h - logit) first: both terms are at least 0, and nothing cancels.
	return (float64(h) - logit) + Log(total)
}

// crossEntropyOf is the kernel over rows from that of one row.
func crossEntropyOf[T Float](row func(p, x []T, class int) float64) func(rows, cols int, loss []T, p []T, ldp int, x []T, ldx int, class []T) {
	return func(rows, cols int, loss []T, p []T, ldp int, x []T, ldx int, class []T) {
		checkMatrix(rows, cols, p, ldp)
		checkMatrix(rows, cols, x, ldx)
		checkClasses(rows, cols, class, loss)
		for r := range rows {
			loss[r] = T(row(p[r*ldp:][:cols], x[r*ldx:][:cols], int(class[r])))
		}
	}
}

func crossEntropyBack[T Float](rows, cols int, dx []T, lddx int, p []T, ldp int, class, d []T, add bool) {
	checkMatrix(rows, cols, dx, lddx)
	checkMatrix(rows, cols, p, ldp)
	checkClasses(rows, cols, class, d)
	for r := range rows {
		p, dx := p[r*ldp:][:cols], dx[r*lddx:][:cols]
		for j, v := range p {
			if j == int(class[r]) {
				v--
			}
			if add {
				dx[j] += T(v * d[r])
			} else {
				dx[j] = v * d[r]
			}
		}
	}
}
