// Products of bfloat16 numbers with float32 sums. A bfloat16 is the upper half of a float32: the same range with 8 binary digits. Operands
// are rounded to it while they are rearranged, once for all products that read them; sums, and everything outside a product, stay float32.
//
// What is done to a sum is fixed in all sets alike, to the bit: it is what VDPBF16PS does, which processors with AVX512-BF16 have. Numbers that
// follow each other along k form pairs. A sum starts from what it is added to and runs over the pairs from 0 upwards; of a pair the odd
// number's product is added first, then the even one's, each exact and then rounded once with its addition. Denormal operands and sums count
// as zero, and a result that would be denormal is zero.

package kernel

import "fmt"

// A BFloat16 holds the kernels of one set for bfloat16 products. They give the same bits in every set.
type BFloat16 struct {
	// Name is the set's name.
	Name string

	// Along rounds a matrix, row by row, to pairs of neighbors in a row, the last with 0 if cols is odd:
	//
	//	for r := range rows {
	//		for p := range (cols+1)/2 {
	//			dst[r*ldd+p] = pair(src[r*lds+2*p], src[r*lds+2*p+1])
	//		}
	//	}
	//
	// It makes the left operand of a product that sums over columns. A number is rounded to the nearest, of two to the even one; denormals become
	// zero, a NaN stays NaN.
	Along func(rows, cols int, dst []float32, ldd int, src []float32, lds int)

	// Down rounds rows first to last, last excluded, of a matrix with rows rows to pairs of numbers one below the other, and stores them in
	// panels (see [Panel]), the last with 0 if rows is odd:
	//
	//	for p := first/2; p < (last+1)/2; p++ {
	//		for j := range cols {
	//			dst[place of (p, j)] = pair(src[2*p*lds+j], src[(2*p+1)*lds+j])
	//		}
	//	}
	//
	// It makes an operand, left or right, of a product that sums over rows. first is even, and last is unless it is rows.
	Down func(first, last, rows, cols int, dst, src []float32, lds int)

	// Turned rounds rows first to last, last excluded, of a matrix with rows rows to pairs of neighbors in a row, and stores them in panels
	// whose columns are the rows of the matrix:
	//
	//	for j := first; j < last; j++ {
	//		for p := range (cols+1)/2 {
	//			dst[place of (p, j)] = pair(src[j*lds+2*p], src[j*lds+2*p+1])
	//		}
	//	}
	//
	// It makes the right operand of a product that sums over columns. first is a multiple of [Panel], and last is unless it is rows.
	Turned func(first, last, rows, cols int, dst, src []float32, lds int)

	// Multiply computes rows r0 to r1 and columns c0 to c1 of C = A·B, with the right operand b in panels:
	//
	//	for i := r0; i < r1; i++ {
	//		for j := c0; j < c1; j++ {
	//			s := start(i, j)
	//			for p := range b.K {
	//				s = dotPair(s, a at (i, p), b at (p, j))
	//			}
	//			c[i*ldc+j] = s
	//		}
	//	}
	//
	// A sum starts from c[i*ldc+j] with Add, else from Bias[j] if there is a bias, else from 0. With Relu, 0 is stored where s <= 0. c0 is a
	// multiple of [Panel], and c1 is unless it is b.Count; so is r0 if a is in panels. C must not overlap the operands.
	Multiply func(r0, r1, c0, c1 int, a, b Pairs, c []float32, ldc int, f Finish)

	// Update computes rows r0 to r1 and columns c0 to c1 of A·B as Multiply does, where they are the gradient of a matrix w with the rows of A and the
	// columns of B, and uses them up at once: w and its state become what u makes of them. Then it rounds the new w and stores it as Down and
	// Turned do:
	//
	//	for i := r0; i < r1; i++ {
	//		for j := c0; j < c1; j++ {
	//			u for w[i*b.Count+j]
	//			place of (i/2, j) in down.Data = pair(w[i*b.Count+j], w[(i+1)*b.Count+j])   // i even
	//			place of (j/2, i) in turned.Data = pair(w[i*b.Count+j], w[i*b.Count+j+1])   // j even
	//		}
	//	}
	//
	// It is for the usual settings of a rule ([Momentum.Usual], [Adam.Usual]) and for sums of 1 to [UpdateDepth] numbers, with a in panels and both
	// counts multiples of [UpdateUnit]. r0 and c0 are multiples of [Panel], and r1 and c1 are unless they are the count. Nil in sets that can't.
	Update func(r0, r1, c0, c1 int, a, b Pairs, u *Update[float32], down, turned Pairs)
}

// UpdateUnit divides the counts of rows and columns of a product that is used up by an update.
const UpdateUnit = 16

// Pairs is an operand of a product: pairs of bfloat16, each in the place of one float32, which is never computed with.
type Pairs struct {
	Data  []float32
	Count int // rows of A or columns of B
	K     int // pairs that are summed
	// Stride is the distance of rows in what Along has made; 0 stands for panels.
	Stride int
}

// Finish says from what the sums of a product start and how they end.
type Finish struct {
	Add  bool
	Bias []float32
	Relu bool
}

// Panel is the width of panels. They are columns side by side whose pairs lie one after the other: pair p of column j is at
//
//	q*k + p*width + j-q, with q = j/Panel*Panel
//
// The last panel is narrower: its width is what is left of the columns, rounded up to a multiple of 16; zeros fill it. Panel is a multiple of
// the rows and of the columns of a tile in every set.
const Panel = 48

// PanelSize is the number of elements that panels of k pairs and n columns take.
func PanelSize(k, n int) int { return k * ((n + 15) / 16 * 16) }

// panelWidth is the width in memory of the panel of n columns in all that begins at column j.
func panelWidth(n, j int) int { return min((n-j+15)/16*16, Panel) }

// BFloat16For returns the kernels of a set for bfloat16 products, "" being the best of this machine. Errors are those of [For].
func BFloat16For(name string) (*BFloat16, error) {
	t, err := For[float32](name)
	if err != nil {
		return nil, err
	}
	b := portableBFloat16()
	for _, s := range sets() {
		if s.name == t.Name && s.bf16 != nil {
			b = s.bf16()
		}
	}
	b.Name = t.Name
	return b, nil
}

// BFloat16MultiplyAdds is [MultiplyAdds] for products of bfloat16: their rate is the limit of the set's bfloat16 products. Sets that have no
// instruction for them multiply in float32, and their rate at most is that of [MultiplyAdds].
func BFloat16MultiplyAdds(name string, rounds int) float64 {
	for _, s := range sets() {
		if s.name != name || s.pairs == nil || !s.runs() || rounds < 1 {
			continue
		}
		if busy, flop := s.pairs(); busy != nil {
			busy(rounds)
			return flop * float64(rounds)
		}
	}
	return MultiplyAdds(name, rounds)
}

// checkAlong panics unless the arguments of Along fit together; it reports whether there is anything to do.
func checkAlong(rows, cols int, dst []float32, ldd int, src []float32, lds int) bool {
	checkMatrix(rows, cols, src, lds)
	checkMatrix(rows, (cols+1)/2, dst, ldd)
	return rows > 0 && cols > 0
}

// checkDown panics unless the arguments of Down fit together; it reports whether there is anything to do.
func checkDown(first, last, rows, cols int, dst, src []float32, lds int) bool {
	if first < 0 || last < first || last > rows || cols < 0 || first%2 != 0 || last%2 != 0 && last != rows {
		panic(fmt.Sprintf("kernel: pairs of rows %d to %d of %d x %d", first, last, rows, cols))
	}
	if first == last || cols == 0 {
		return false
	}
	checkMatrix(last, cols, src, lds)
	_ = dst[PanelSize((rows+1)/2, cols)-1]
	return true
}

// checkTurned is checkDown for Turned.
func checkTurned(first, last, rows, cols int, dst, src []float32, lds int) bool {
	if first < 0 || last < first || last > rows || cols < 0 || first%Panel != 0 || last%Panel != 0 && last != rows {
		panic(fmt.Sprintf("kernel: pairs in rows %d to %d of %d x %d", first, last, rows, cols))
	}
	if first == last || cols == 0 {
		return false
	}
	checkMatrix(last, cols, src, lds)
	_ = dst[PanelSize((cols+1)/2, rows)-1]
	return true
}

// checkUpdate panics unless the arguments of Update fit together; it reports whether there is anything to do.
func checkUpdate(r0, r1, c0, c1 int, a, b Pairs, u *Update[float32], down, turned Pairs) bool {
	m, n := a.Count, b.Count
	if r0%Panel != 0 || r1%Panel != 0 && r1 != m || m%UpdateUnit != 0 || n%UpdateUnit != 0 || a.Stride != 0 || a.K < 1 || 2*a.K > UpdateDepth ||
		down.Stride != 0 || turned.Stride != 0 || down.Count != n || down.K != m/2 || turned.Count != m || turned.K != n/2 {
		panic(fmt.Sprintf("kernel: an update of rows %d to %d of %d and columns %d to %d of %d from %d pairs, with copies of %d x %d and %d x %d",
			r0, r1, m, c0, c1, n, a.K, down.K, down.Count, turned.K, turned.Count))
	}
	if !checkPairs(r0, r1, c0, c1, a, b, u.W, n, Finish{}) {
		return false
	}
	u.check(r1-r0, n, r0*n, n)
	_ = down.Data[PanelSize(down.K, n)-1]
	_ = turned.Data[PanelSize(turned.K, m)-1]
	return true
}

// checkPairs panics unless the arguments of Multiply fit together; it reports whether there is anything to do.
func checkPairs(r0, r1, c0, c1 int, a, b Pairs, c []float32, ldc int, f Finish) bool {
	if r0 < 0 || r1 < r0 || r1 > a.Count || c0 < 0 || c1 < c0 || c1 > b.Count || c0%Panel != 0 || c1%Panel != 0 && c1 != b.Count ||
		a.K != b.K || a.K < 0 || b.Stride != 0 || a.Stride < 0 || a.Stride == 0 && r0%Panel != 0 || f.Add && f.Bias != nil {
		panic(fmt.Sprintf("kernel: rows %d to %d of %d and columns %d to %d of %d, %d and %d pairs", r0, r1, a.Count, c0, c1, b.Count, a.K, b.K))
	}
	if r0 == r1 || c0 == c1 {
		return false
	}
	checkMatrix(r1, c1, c, ldc)
	if f.Bias != nil {
		_ = f.Bias[c1-1]
	}
	if a.K == 0 {
		return true
	}
	_ = b.Data[PanelSize(b.K, b.Count)-1]
	if a.Stride == 0 {
		_ = a.Data[PanelSize(a.K, a.Count)-1]
	} else {
		checkMatrix(r1, a.K, a.Data, a.Stride)
	}
	return true
}
