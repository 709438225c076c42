// The portable twin of bfloat16 products: what VDPBF16PS and the conversion before it do, number by number. It is exact in every case, and an
// order of magnitude slower than the portable float32 products.

package kernel

import "math"

func portableBFloat16() *BFloat16 {
	return &BFloat16{Along: pairsAlong, Down: pairsDown, Turned: pairsTurned, Multiply: multiplyPairs}
}

const quietBit = 0x00400000

// roundBFloat16 is the bfloat16 nearest to x, as the upper half of a float32's bits.
func roundBFloat16(x float32) uint32 {
	b := math.Float32bits(x)
	switch {
	case x != x:
		b |= quietBit
	case b&0x7f800000 == 0:
		b &= 0x80000000
	default:
		b += 0x7fff + b>>16&1
	}
	return b & 0xffff0000
}

// pair is two bfloat16 in the place of one float32.
func pair(even, odd float32) float32 {
	return math.Float32frombits(roundBFloat16(odd) | roundBFloat16(even)>>16)
}

func pairsAlong(rows, cols int, dst []float32, ldd int, src []float32, lds int) {
	if checkAlong(rows, cols, dst, ldd, src, lds) {
		for r := range rows {
			pairRow(dst[r*ldd:][:(cols+1)/2], src[r*lds:][:cols])
		}
	}
}

// pairRow stores the pairs of neighbors of src in dst.
func pairRow(dst, src []float32) {
	for p := range len(src) / 2 {
		dst[p] = pair(src[2*p], src[2*p+1])
	}
	if n := len(src); n%2 != 0 {
		dst[n/2] = pair(src[n-1], 0)
	}
}

func pairsDown(first, last, rows, cols int, dst, src []float32, lds int) {
	if !checkDown(first, last, rows, cols, dst, src, lds) {
		return
	}
	k := (rows + 1) / 2
	for q := 0; q < cols; q += Panel {
		width, n := panelWidth(cols, q), min(cols-q, Panel)
		for r := first; r < last; r += 2 {
			to := dst[q*k+r/2*width:][:width]
			even := src[r*lds+q:][:n]
			if r+1 < rows {
				odd := src[(r+1)*lds+q:][:n]
				for j, x := range even {
					to[j] = pair(x, odd[j])
				}
			} else {
				for j, x := range even {
					to[j] = pair(x, 0)
				}
			}
			clear(to[n:])
		}
	}
}

func pairsTurned(first, last, rows, cols int, dst, src []float32, lds int) {
	if !checkTurned(first, last, rows, cols, dst, src, lds) {
		return
	}
	k := (cols + 1) / 2
	for q := first; q < last; q += Panel {
		width, n := panelWidth(rows, q), min(rows-q, Panel)
		turnPairs(0, width, n, 0, k, dst[q*k:], width, src[q*lds:], lds, cols)
	}
}

// turnPairs fills rows p0 to p1 and columns j0 to width of a panel from n rows of cols numbers.
func turnPairs(j0, width, n, p0, p1 int, dst []float32, ldd int, src []float32, lds, cols int) {
	for p := p0; p < p1; p++ {
		to := dst[p*ldd:][:width]
		for j := j0; j < n; j++ {
			x := src[j*lds:][:cols]
			odd := float32(0)
			if 2*p+1 < cols {
				odd = x[2*p+1]
			}
			to[j] = pair(x[2*p], odd)
		}
		clear(to[max(j0, n):])
	}
}

func multiplyPairs(r0, r1, c0, c1 int, a, b Pairs, c []float32, ldc int, f Finish) {
	if !checkPairs(r0, r1, c0, c1, a, b, c, ldc, f) {
		return
	}
	for i := r0; i < r1; i++ {
		x, step := a.row(i)
		for j := c0; j < c1; j++ {
			s := float32(0)
			switch {
			case f.Add:
				s = c[i*ldc+j]
			case f.Bias != nil:
				s = f.Bias[j]
			}
			y, width := b.row(j)
			for p := range a.K {
				s = dotPair(s, math.Float32bits(x[p*step]), math.Float32bits(y[p*width]))
			}
			if f.Relu && s <= 0 {
				s = 0
			}
			c[i*ldc+j] = s
		}
	}
}

// row is where row i of A, or column i of B, begins, and the distance of its pairs.
func (p Pairs) row(i int) (from []float32, step int) {
	switch q := i / Panel * Panel; {
	case p.K == 0:
		return nil, 0
	case p.Stride != 0:
		return p.Data[i*p.Stride:], 1
	default:
		return p.Data[q*p.K+i-q:], panelWidth(p.Count, q)
	}
}

// dotPair adds the products of two pairs to s, the odd numbers' first.
func dotPair(s float32, a, b uint32) float32 {
	s = addProduct(s, a&0xffff0000, b&0xffff0000)
	return addProduct(s, a<<16, b<<16)
}

// addProduct is s + a*b, rounded once, for bits of bfloat16 in the place of a float32's: denormal operands count as zero, and results below the
// normal numbers, after they are rounded to as many digits as those have, become zero.
//
// In float64 the product, of 16 digits, is exact, and so is its sum with s, of 24, unless one of them is less than 2^-37 of the other. Then it
// does not reach what the rounding to float32 depends on. So it does not matter that the sum is rounded to float64 before.
func addProduct(s float32, a, b uint32) float32 {
	if a&0x7f800000 == 0 {
		a &= 0x80000000
	}
	if b&0x7f800000 == 0 {
		b &= 0x80000000
	}
	const least = 0x1p-126
	if s > -least && s < least {
		s = float32(math.Copysign(0, float64(s)))
	}
	sum := float64(s) + float64(float64(math.Float32frombits(a))*float64(math.Float32frombits(b)))
	if sum > 0x1p-151-least && sum < least-0x1p-151 {
		return float32(math.Copysign(0, sum))
	}
	return float32(sum)
}
