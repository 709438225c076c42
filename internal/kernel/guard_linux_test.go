package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n numbers that end where a page begins that must not be
// touched, or, with before, that begin where one ends.
func guarded(t *testing.T, n int, before bool) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Munmap(m) })
	for _, p := range [][]byte{m[:page], m[page+size:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Skip(err)
		}
	}
	if n == 0 {
		return nil
	}
	at := page
	if !before {
		at = page + size - 4*n
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(&m[at])), n)
	copy(x, numbers[float32](n, 1))
	return x
}

// A read or write beyond an operand of a product ends the program here.
func TestGemmStaysInside(t *testing.T) {
	everySet(t, gemmStaysInside, func(*testing.T, *Table[float64]) {})
}

func gemmStaysInside(t *testing.T, tab *Table[float32]) {
	for _, f := range forms(tab) {
		for _, s := range []struct{ m, n, k int }{
			{1, 1, 1}, {3, 5, 7}, {8, 48, 16}, {9, 49, 17}, {7, 15, 3}, {70, 50, 33}, {13, 100, 40}, {9, 200, 90}, {6, 17, 5}, {31, 33, 31}, {65, 30, 64}, {66, 512, 9}, {257, 3, 6}, {260, 512, 5},
		} {
			for _, before := range []bool{false, true} {
				lda, ldb := f.strides(s.m, s.n, s.k)
				a, b, c := guarded(t, s.m*s.k, before), guarded(t, s.k*s.n, before), guarded(t, s.m*s.n, before)
				f.gemm(s.m, s.n, s.k, a, lda, b, ldb, c, s.n, true)
			}
		}
		// A narrow block out of wide rows, where operands are copied.
		m, n, k := 257, 60, 5
		a, b := guarded(t, 512*300, false), guarded(t, 512*300, false)
		f.gemm(m, n, k, a[len(a)-size(300, 300, 512):], 512, b[len(b)-size(300, 300, 512):], 512, guarded(t, m*n, false), n, false)
	}
}

// The same for products with all that belongs to them.
func TestMultiplyStaysInside(t *testing.T) {
	everySet(t, multiplyStaysInside, func(*testing.T, *Table[float64]) {})
}

func multiplyStaysInside(t *testing.T, tab *Table[float32]) {
	for _, f := range forms(tab) {
		for _, s := range []struct{ m, n, k int }{
			{1, 1, 1}, {1, 10, 128}, {1, 137, 30}, {2, 9, 5}, {3, 300, 7}, {7, 15, 3}, {8, 48, 16}, {9, 49, 17}, {50, 70, 33}, {97, 210, 40}, {102, 30, 20}, {130, 200, 256}, {260, 130, 300},
		} {
			for _, before := range []bool{false, true} {
				lda, ldb := f.strides(s.m, s.n, s.k)
				a, b, c, bias := guarded(t, s.m*s.k, before), guarded(t, s.k*s.n, before), guarded(t, s.m*s.n, before), guarded(t, s.n, before)
				packed := guarded(t, PackedLen(s.m, s.k), before)
				p := Product[float32]{M: s.m, N: s.n, K: s.k, A: a, LDA: lda, TransA: f.transA, B: b, LDB: ldb, TransB: f.transB, C: c, LDC: s.n, Bias: bias, Relu: true}
				tab.Multiply(p)
				tab.PackA(packed, s.m, s.k, a, lda, f.transA, 0, s.m, 0, s.k)
				p.A, p.LDA, p.TransA, p.Packed, p.Add = packed, s.k, false, true, true
				tab.Multiply(p)
				tab.Delta(s.m, s.n, c, s.n, guarded(t, s.m*s.n, before), s.n, bias, false)
				tab.Delta(s.m, s.n, c, s.n, nil, 0, bias, true)
			}
		}
	}
}

// The same for every other kernel.
func TestTwinsStayInside(t *testing.T) {
	everySet(t, twinsStayInside, func(*testing.T, *Table[float64]) {})
}

func twinsStayInside(t *testing.T, k *Table[float32]) {
	for _, w := range twins[float32]() {
		for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 65, 129, 513, 2049} {
			for _, before := range []bool{false, true} {
				var x slots[float32]
				for i := range x {
					x[i] = guarded(t, n, before)
				}
				w.run(k, &x)
			}
		}
	}
}
