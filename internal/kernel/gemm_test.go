package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A form is one of the three matrix products with the layout of its operands.
type form[T Float] struct {
	name           string
	gemm           func(m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, add bool)
	transA, transB bool
}

func forms[T Float](t *Table[T]) []form[T] {
	return []form[T]{
		{"NN", t.GemmNN, false, false},
		{"NT", t.GemmNT, false, true},
		{"TN", t.GemmTN, true, false},
	}
}

// strides are the smallest row strides of A and B.
func (f form[T]) strides(m, n, k int) (lda, ldb int) {
	lda, ldb = k, n
	if f.transA {
		lda = m
	}
	if f.transB {
		ldb = k
	}
	return lda, ldb
}

// at are the places of A's (i, p) and B's (p, j).
func (f form[T]) at(i, j, p, lda, ldb int) (int, int) {
	a, b := i*lda+p, p*ldb+j
	if f.transA {
		a = p*lda + i
	}
	if f.transB {
		b = j*ldb + p
	}
	return a, b
}

// size is the length of a slice for a matrix, rows*cols if ld is cols.
func size(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

// operands are random A and B of the exact lengths.
func (f form[T]) operands(m, n, k, lda, ldb int) (a, b []T) {
	am, ak, bk, bn := m, k, k, n
	if f.transA {
		am, ak = k, m
	}
	if f.transB {
		bk, bn = n, k
	}
	return numbers[T](size(am, ak, lda), 1), numbers[T](size(bk, bn, ldb), 2)
}

func TestGemm(t *testing.T) { everySet(t, testGemm[float32], testGemm[float64]) }

func testGemm[T Float](t *testing.T, tab *Table[T]) {
	sizes := []int{0, 1, 2, 4, 5, 7, 8, 9, 17, 65}
	for _, f := range forms(tab) {
		for _, m := range sizes {
			for _, n := range sizes {
				for _, k := range sizes {
					extra := (m + n + k) % 3
					f.check(t, tab.Name, m, n, k, extra, (m+k)%2 == 0)
				}
			}
		}
		for _, s := range [][3]int{{1, 130, 200}, {5, 130, 200}, {13, 6, 129}, {33, 70, 131}, {3, 13, 33}, {130, 140, 3}} {
			f.check(t, tab.Name, s[0], s[1], s[2], 0, true)
			f.check(t, tab.Name, s[0], s[1], s[2], 5, false)
		}
	}
}

// check compares a product with the loop that it replaces: in float64 up to
// rounding, and for the portable set to the bit in its own precision.
func (f form[T]) check(t *testing.T, set string, m, n, k, extra int, add bool) {
	t.Helper()
	lda, ldb := f.strides(m, n, k)
	lda, ldb = lda+extra, ldb+2*extra
	ldc := n + 3*extra
	a, b := f.operands(m, n, k, lda, ldb)
	c := slices.Repeat([]T{canary}, m*ldc+8)
	start := numbers[T](m*n, 3)
	for i := range m {
		copy(c[i*ldc:][:n], start[i*n:])
	}
	f.gemm(m, n, k, a, lda, b, ldb, c[:size(m, n, ldc)], ldc, add)
	for i, got := range c {
		row, col := 0, n
		if ldc > 0 {
			row, col = i/ldc, i%ldc
		}
		if row >= m || col >= n {
			if got != canary {
				t.Fatalf("%s m %d n %d k %d ldc %d: wrote outside C at %d", f.name, m, n, k, ldc, i)
			}
			continue
		}
		var own T
		want, sumAbs := 0.0, 0.0
		if add {
			own = start[row*n+col]
			want, sumAbs = float64(own), math.Abs(float64(own))
		}
		for p := range k {
			x, y := f.at(row, col, p, lda, ldb)
			own = T(a[x]*b[y]) + own
			product := float64(a[x]) * float64(b[y])
			want += product
			sumAbs += math.Abs(product)
		}
		if d := math.Abs(float64(got) - want); !(d <= float64(k+1)*epsilon[T]()*sumAbs) {
			t.Fatalf("%s m %d n %d k %d add %v: C[%d,%d] = %v, want %v", f.name, m, n, k, add, row, col, got, want)
		}
		if set == "portable" && got != own {
			t.Fatalf("%s m %d n %d k %d add %v: C[%d,%d] = %v, want %v to the bit", f.name, m, n, k, add, row, col, got, own)
		}
	}
}

// A block of C computed by a call of its own has the bits of the whole; so has
// a sum over k in two calls.
func TestGemmBlocks(t *testing.T) { everySet(t, testGemmBlocks[float32], testGemmBlocks[float64]) }

func testGemmBlocks[T Float](t *testing.T, tab *Table[T]) {
	rapid.Check(t, func(r *rapid.T) {
		f := forms(tab)[rapid.IntRange(0, 2).Draw(r, "form")]
		m, n, k := rapid.IntRange(1, 90).Draw(r, "m"), rapid.IntRange(1, 90).Draw(r, "n"), rapid.IntRange(1, 150).Draw(r, "k")
		i0, j0, p0 := rapid.IntRange(0, m).Draw(r, "row"), rapid.IntRange(0, n).Draw(r, "column"), rapid.IntRange(0, k).Draw(r, "depth")
		lda, ldb := f.strides(m, n, k)
		a, b := f.operands(m, n, k, lda, ldb)
		whole, parts := make([]T, m*n), make([]T, m*n)
		f.gemm(m, n, k, a, lda, b, ldb, whole, n, false)
		for _, row := range [][2]int{{0, i0}, {i0, m}} {
			for _, col := range [][2]int{{0, j0}, {j0, n}} {
				for _, dep := range [][2]int{{0, p0}, {p0, k}} {
					rows, cols, depth := row[1]-row[0], col[1]-col[0], dep[1]-dep[0]
					if rows == 0 || cols == 0 || depth == 0 {
						continue
					}
					x, y := f.at(row[0], col[0], dep[0], lda, ldb)
					f.gemm(rows, cols, depth, a[x:], lda, b[y:], ldb, parts[row[0]*n+col[0]:], n, dep[0] > 0)
				}
			}
		}
		if !slices.Equal(whole, parts) {
			r.Fatalf("%s m %d n %d k %d cut at %d, %d, %d: other bits than the whole", f.name, m, n, k, i0, j0, p0)
		}
	})
}

func TestGemmNonFinite(t *testing.T) {
	everySet(t, testGemmNonFinite[float32], testGemmNonFinite[float64])
}

func testGemmNonFinite[T Float](t *testing.T, tab *Table[T]) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, f := range forms(tab) {
		for _, m := range []int{3, 7} {
			n, k := 5, 9
			lda, ldb := f.strides(m, n, k)
			a, b := f.operands(m, n, k, lda, ldb)
			// Row 0 of A holds 0, row 1 an infinity, row 2 a NaN; column 0 of B an infinity.
			for p := range k {
				x, _ := f.at(0, 0, p, lda, ldb)
				a[x] = 0
			}
			x, _ := f.at(1, 0, 4, lda, ldb)
			a[x] = inf
			x, _ = f.at(2, 0, 4, lda, ldb)
			a[x] = nan
			_, y := f.at(0, 0, 4, lda, ldb)
			b[y] = -inf
			c := slices.Repeat([]T{nan}, m*n) // without add, what C held doesn't matter
			f.gemm(m, n, k, a, lda, b, ldb, c, n, false)
			for i := range m {
				for j := range n {
					got, name := c[i*n+j], fmt.Sprintf("%s m %d C[%d,%d] = %v", f.name, m, i, j, c[i*n+j])
					switch {
					case i == 2 || (i == 0 && j == 0):
						if got == got {
							t.Errorf("%s, want NaN", name)
						}
					case i == 0 && got != 0:
						t.Errorf("%s, want 0", name)
					case i == 1 && j == 0 && got != -inf:
						t.Errorf("%s, want -Inf", name)
					case (i == 1 || j == 0) && !math.IsInf(float64(got), 0):
						t.Errorf("%s, want an infinity", name)
					case i > 2 && j > 0 && got-got != 0:
						t.Errorf("%s, want a finite number", name)
					}
				}
			}
		}
	}
}

func TestGemmRefuses(t *testing.T) { everySet(t, testGemmRefuses[float32], testGemmRefuses[float64]) }

func testGemmRefuses[T Float](t *testing.T, tab *Table[T]) {
	const m, n, k = 6, 7, 9
	for _, f := range forms(tab) {
		lda, ldb := f.strides(m, n, k)
		a, b := f.operands(m, n, k, lda, ldb)
		c := make([]T, m*n)
		for name, call := range map[string]func(){
			"short a":    func() { f.gemm(m, n, k, a[:len(a)-1], lda, b, ldb, c, n, false) },
			"short b":    func() { f.gemm(m, n, k, a, lda, b[:len(b)-1], ldb, c, n, false) },
			"short c":    func() { f.gemm(m, n, k, a, lda, b, ldb, c[:len(c)-1:len(c)-1], n, false) },
			"small lda":  func() { f.gemm(m, n, k, a, lda-1, b, ldb, c, n, false) },
			"small ldb":  func() { f.gemm(m, n, k, a, lda, b, ldb-1, c, n, false) },
			"small ldc":  func() { f.gemm(m, n, k, a, lda, b, ldb, c, n-1, false) },
			"negative m": func() { f.gemm(-1, n, k, a, lda, b, ldb, c, n, false) },
			"negative k": func() { f.gemm(m, n, -1, a, lda, b, ldb, c, n, false) },
		} {
			for i := range c {
				c[i] = canary
			}
			if !panics(call) {
				t.Errorf("%s %s: no panic", f.name, name)
			}
			if slices.IndexFunc(c, func(v T) bool { return v != canary }) >= 0 {
				t.Errorf("%s %s: wrote before it panicked", f.name, name)
			}
		}
	}
}
