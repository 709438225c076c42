// Products as a dense layer wants them: with what follows on the sums, from an
// operand that was rearranged once for several products, and the pass over a
// gradient that comes before them. The functions here serve every set that has
// nothing better: they are made of the set's own kernels.

package kernel

import (
	"fmt"
	"math/bits"
)

// A Product is what [Table].Multiply computes.
type Product[T Float] struct {
	M, N, K int

	A      []T // [M,K], or [K,M] with TransA; with Packed, what Table.PackA has written
	LDA    int // row stride of A; with Packed, the columns of the whole A
	TransA bool
	Packed bool

	B      []T // [K,N], or [N,K] with TransB
	LDB    int
	TransB bool

	C   []T // [M,N]
	LDC int
	Add bool // to what C holds

	// Update, if not nil, gets the sums in place of C, block by block while each is
	// in the first cache or in registers: the product is a gradient. It is for sets
	// with Table.Updates, without Add, Bias and Relu, and for K from 1 to
	// UpdateDepth. Element (i, j) belongs to weight At + i*Stride + j.
	Update     *Update[T]
	At, Stride int

	Bias []T  // N values that are added to the sums of each row; nil for none
	Relu bool // then each value v becomes max(v, 0), as by Table.Relu
}

// UpdateDepth is the most of K in a product that is used up by an update.
const UpdateDepth = 1024

// PackRows divides the first row of every part of a packed A.
const PackRows = 48

// RowsCompete reports whether so many values from one row of A to the next make its
// rows compete for one place in the first cache of common processors: products
// are faster from a copy then. Other rows along K are read as they lie.
func RowsCompete(lda int) bool { return lda%1024 == 0 }

// PackedLen is the length of a packed A of m rows and k columns. It panics when
// that overflows.
func PackedLen(m, k int) int {
	if m < 0 || k < 0 || m > maxInt-PackRows {
		panic(fmt.Sprintf("kernel: packed matrix of %d by %d", m, k))
	}
	high, n := bits.Mul(uint((m+PackRows-1)/PackRows*PackRows), uint(k))
	if high > 0 || n > uint(maxInt) {
		panic(fmt.Sprintf("kernel: packed matrix of %d by %d", m, k))
	}
	return int(n)
}

// check panics unless the slices hold their matrices.
func (p *Product[T]) check() {
	am, ak, bk, bn := p.M, p.K, p.K, p.N
	if p.TransA {
		am, ak = ak, am
	}
	if p.TransB {
		bk, bn = bn, bk
	}
	if p.M < 0 || p.N < 0 || p.K < 0 {
		panic(fmt.Sprintf("kernel: matrix product of m %d, n %d, k %d", p.M, p.N, p.K))
	}
	if p.M == 0 || p.N == 0 {
		return
	}
	switch {
	case !p.Packed:
		checkMatrix(am, ak, p.A, p.LDA)
	case p.LDA < p.K:
		panic(fmt.Sprintf("kernel: a sum over %d of a packed matrix with %d columns", p.K, p.LDA))
	case p.K > 0:
		_ = p.A[PackedLen(p.M, p.LDA)-1]
	}
	checkMatrix(bk, bn, p.B, p.LDB)
	if p.Bias != nil {
		_ = p.Bias[p.N-1]
	}
	if p.Update == nil {
		checkMatrix(p.M, p.N, p.C, p.LDC)
	} else if p.Add || p.Bias != nil || p.Relu || p.K < 1 || p.K > UpdateDepth {
		panic(fmt.Sprintf("kernel: a product for an update, with a sum over %d, or with something before or after it", p.K))
	} else {
		p.Update.check(p.M, p.N, p.At, p.Stride)
	}
}

// multiply is Multiply from the products of the table.
func (t *Table[T]) multiply(p Product[T]) {
	p.check()
	switch {
	case p.Update != nil:
		panic("kernel: a product for an update, in a set that has none")
	case p.TransA && p.TransB && !p.Packed:
		panic("kernel: a product of two transposed matrices")
	case p.TransA && !p.Packed:
		t.GemmTN(p.M, p.N, p.K, p.A, p.LDA, p.B, p.LDB, p.C, p.LDC, p.Add)
	case p.TransB:
		t.GemmNT(p.M, p.N, p.K, p.A, p.LDA, p.B, p.LDB, p.C, p.LDC, p.Add)
	default:
		t.GemmNN(p.M, p.N, p.K, p.A, p.LDA, p.B, p.LDB, p.C, p.LDC, p.Add)
	}
	if p.Bias != nil {
		t.AddBias(p.M, p.N, p.C, p.LDC, p.Bias)
	}
	if p.Relu && p.N > 0 {
		for i := range p.M {
			row := p.C[i*p.LDC:][:p.N]
			t.Relu(row, row)
		}
	}
}

// checkPack panics unless the slices of PackA hold their matrices.
func checkPack[T Float](dst []T, m, k int, a []T, lda int, trans bool, i0, i1, p0, p1 int) {
	if n := PackedLen(m, k); len(dst) < n {
		panic(fmt.Sprintf("kernel: %d values for a packed matrix of %d by %d, which has %d", len(dst), m, k, n))
	}
	if trans {
		checkMatrix(k, m, a, lda)
	} else {
		checkMatrix(m, k, a, lda)
	}
	if i0 < 0 || i0 > i1 || i1 > m || p0 < 0 || p0 > p1 || p1 > k || i0%PackRows != 0 {
		panic(fmt.Sprintf("kernel: rows %d to %d and columns %d to %d of a packed matrix of %d by %d", i0, i1, p0, p1, m, k))
	}
}

// packA keeps rows as they are.
func packA[T Float](dst []T, m, k int, a []T, lda int, trans bool, i0, i1, p0, p1 int) {
	checkPack(dst, m, k, a, lda, trans, i0, i1, p0, p1)
	if p0 == p1 {
		return
	}
	for i := i0; i < i1; i++ {
		row := dst[i*k+p0:][:p1-p0]
		if !trans {
			copy(row, a[i*lda+p0:])
			continue
		}
		for p := range row {
			row[p] = a[(p0+p)*lda+i]
		}
	}
}

// checkDelta panics unless the slices of Delta hold their matrices.
func checkDelta[T Float](rows, cols int, d []T, ldd int, y []T, ldy int, sum []T) {
	checkMatrix(rows, cols, d, ldd)
	if y != nil {
		checkMatrix(rows, cols, y, ldy)
	}
	if sum != nil && cols > 0 {
		_ = sum[cols-1]
	}
}

// delta is Delta from the kernels of the table.
func (t *Table[T]) delta(rows, cols int, d []T, ldd int, y []T, ldy int, sum []T, add bool) {
	checkDelta(rows, cols, d, ldd, y, ldy, sum)
	if cols == 0 {
		return
	}
	if y != nil {
		for r := range rows {
			row := d[r*ldd:][:cols]
			t.ReluBack(row, y[r*ldy:], row, false)
		}
	}
	if sum != nil {
		t.SumRows(rows, cols, sum, d, ldd, add)
	}
}
