// Normalization of rows: mean 0 and variance 1, then a scale and a shift for each column. Sums along a row are in float64.

package kernel

import "math"

// checkLayerNorm panics unless the slices are long enough; those that may be missing are not checked when they are nil.
func checkLayerNorm[T Float](rows, cols int, x, y, dx, scale, shift, dscale, dshift, mean, inverse []T) {
	for _, m := range [...][]T{x, y} {
		checkMatrix(rows, cols, m, cols)
	}
	if rows == 0 || cols == 0 {
		return
	}
	if dx != nil {
		_ = dx[rows*cols-1]
	}
	for _, c := range [...][]T{shift, dscale, dshift} {
		if c != nil {
			_ = c[cols-1]
		}
	}
	_, _, _ = scale[cols-1], mean[rows-1], inverse[rows-1]
}

func layerNorm[T Float](rows, cols int, y, x, scale, shift, mean, inverse []T, epsilon float64) {
	if rows > 0 && cols > 0 {
		_ = shift[cols-1]
	}
	checkLayerNorm(rows, cols, x, y, nil, scale, shift, nil, nil, mean, inverse)
	n := float64(cols)
	for i := range rows {
		x, y := x[i*cols:][:cols], y[i*cols:][:cols]
		average, variance := 0.0, 0.0
		for _, v := range x {
			average += float64(v)
		}
		average /= n
		for _, v := range x {
			d := float64(v) - average
			variance += float64(d * d)
		}
		by := 1 / math.Sqrt(variance/n+epsilon)
		mean[i], inverse[i] = T(average), T(by)
		for k, v := range x {
			normal := T((float64(v) - average) * by)
			y[k] = T(scale[k]*normal) + shift[k]
		}
	}
}

func layerNormBack[T Float](rows, cols int, dx, dscale, dshift, x, dy, scale, mean, inverse []T, add bool) {
	checkLayerNorm(rows, cols, x, dy, dx, scale, nil, dscale, dshift, mean, inverse)
	n := float64(cols)
	for i := range rows {
		x, dy := x[i*cols:][:cols], dy[i*cols:][:cols]
		average, by := float64(mean[i]), float64(inverse[i])
		sum, product := 0.0, 0.0 // Σ g and Σ g x̂
		for k, d := range dy {
			normal := (float64(x[k]) - average) * by
			g := float64(float64(scale[k]) * float64(d))
			sum += g
			product += float64(g * normal)
			if dscale != nil {
				dscale[k] += T(float64(d) * normal)
			}
			if dshift != nil {
				dshift[k] += d
			}
		}
		if dx == nil {
			continue
		}
		sum, product = sum/n, product/n
		for k, d := range dy {
			normal := (float64(x[k]) - average) * by
			g := float64(float64(scale[k]) * float64(d))
			r := T((g - sum - float64(normal*product)) * by)
			if add {
				r += dx[i*cols+k]
			}
			dx[i*cols+k] = r
		}
	}
}
