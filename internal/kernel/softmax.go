// Softmax, its logarithm's normalizer, and the loss that is built on them. The
// row's maximum is subtracted first, so that nothing overflows; exponentials and
// their sum are float64 in either precision.

package kernel

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
	total := 0.0
	for _, v := range x {
		total += Exp(float64(v) - h)
	}
	return h + Log(total)
}

func crossEntropy[T Float](p, x []T, class int) float64 {
	x = x[:len(p):len(x)]
	logit := float64(x[class])
	h := maximum(x)
	total := softmaxRow(p, x, h)
	// (h - logit) first: both terms are at least 0, and nothing cancels.
	return (float64(h) - logit) + Log(total)
}
