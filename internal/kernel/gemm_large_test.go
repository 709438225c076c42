package kernel

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// largeShapes take every way through the vector sets: with and without copies,
// strips of every width, the transpose of C, several parts of k.
var largeShapes = []struct{ m, n, k, lda, ldb int }{
	{70, 100, 40, 0, 0}, {65, 113, 70, 512, 512}, {9, 200, 90, 0, 0}, {33, 150, 61, 0, 0}, {8, 97, 130, 0, 0}, {20, 300, 1030, 0, 0},
	{66, 64, 2050, 0, 0}, {270, 61, 33, 512, 0}, {261, 50, 20, 512, 512}, {1, 90, 300, 0, 0}, {3, 50, 1100, 0, 0}, {1, 1, 2100, 0, 0},
	{100, 1, 50, 0, 0}, {300, 7, 64, 0, 512}, {31, 600, 35, 0, 0}, {16, 49, 17, 0, 0}, {12, 700, 1100, 0, 0}, {515, 50, 1024, 1024, 0},
	{210, 130, 1100, 0, 0}, {200, 210, 400, 512, 0}, {130, 200, 300, 512, 512}, {70, 160, 2051, 0, 0}, {260, 200, 260, 1024, 1024}, {2, 300, 50, 0, 0},
	{131, 784, 32, 0, 0}, {700, 160, 64, 0, 0}, // several strips in a call, in one block of rows and in two
}

// An element computed by a call of its own has the bits that it has in the
// whole, whichever way the whole was computed, and wherever k is cut.
func TestGemmElementAlone(t *testing.T) {
	everySet(t, testGemmElementAlone[float32], testGemmElementAlone[float64])
}

func testGemmElementAlone[T Float](t *testing.T, tab *Table[T]) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, f := range forms(tab) {
		for _, s := range largeShapes {
			lda, ldb := f.strides(s.m, s.n, s.k)
			lda, ldb = max(lda, s.lda), max(ldb, s.ldb)
			a, b := f.operands(s.m, s.n, s.k, lda, ldb)
			for _, add := range []bool{false, true} {
				c := numbers[T](s.m*s.n, 5)
				start := append([]T(nil), c...)
				f.gemm(s.m, s.n, s.k, a, lda, b, ldb, c, s.n, add)
				for range 40 {
					i, j, cut := r.IntN(s.m), r.IntN(s.n), r.IntN(s.k+1)
					own := []T{start[i*s.n+j]}
					want, scale := 0.0, 0.0
					if add {
						want = float64(own[0])
					}
					for p := range s.k {
						x, y := f.at(i, j, p, lda, ldb)
						want += float64(a[x]) * float64(b[y])
						scale += math.Abs(float64(a[x]) * float64(b[y]))
					}
					x, y := f.at(i, j, 0, lda, ldb)
					if cut > 0 {
						f.gemm(1, 1, cut, a[x:], lda, b[y:], ldb, own, 1, add)
					}
					if cut < s.k {
						x, y = f.at(i, j, cut, lda, ldb)
						f.gemm(1, 1, s.k-cut, a[x:], lda, b[y:], ldb, own, 1, add || cut > 0)
					}
					got := c[i*s.n+j]
					if got != own[0] {
						t.Fatalf("%s %v add %v: C[%d,%d] = %v, alone and cut at %d it is %v", f.name, s, add, i, j, got, cut, own[0])
					}
					if d := math.Abs(float64(got) - want); !(d <= float64(s.k+1)*epsilon[T]()*(scale+1)) {
						t.Fatalf("%s %v add %v: C[%d,%d] = %v, want %v", f.name, s, add, i, j, got, want)
					}
				}
			}
		}
	}
}

// The memory for copies is used again: a product allocates nothing.
func TestGemmAllocatesNothing(t *testing.T) {
	everySet(t, testGemmAllocatesNothing[float32], testGemmAllocatesNothing[float64])
}

func testGemmAllocatesNothing[T Float](t *testing.T, tab *Table[T]) {
	for _, f := range forms(tab) {
		for _, s := range []struct{ m, n, k int }{{70, 100, 40}, {9, 200, 90}, {1, 20, 30}} {
			lda, ldb := f.strides(s.m, s.n, s.k)
			a, b := f.operands(s.m, s.n, s.k, lda, ldb)
			c := make([]T, s.m*s.n)
			if n := testing.AllocsPerRun(20, func() { f.gemm(s.m, s.n, s.k, a, lda, b, ldb, c, s.n, false) }); n > 0 {
				t.Errorf("%s %v: %v allocations a product", f.name, s, n)
			}
		}
	}
}

// A goroutine inside assembly can't be stopped. The collector stops all of them,
// so beside a long product it must get its turn all the same.
func TestCollectorIsNotBlocked(t *testing.T) {
	for _, name := range Names() {
		if name == "portable" {
			continue // no assembly
		}
		t.Run(name, func(t *testing.T) {
			const n = 1500 // some 60 ms and more a product
			k := table[float32](t, name)
			a, b, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
			stop, done := make(chan struct{}), make(chan struct{})
			shortest := time.Hour // product
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					default:
						t0 := time.Now()
						k.GemmNN(n, n, n, a, n, b, n, c, n, false)
						shortest = min(shortest, time.Since(t0))
					}
				}
			}()
			best := time.Hour // collection; the least of several, as other programs take the processor too
			for range 4 {
				time.Sleep(time.Millisecond)
				t0 := time.Now()
				runtime.GC()
				best = min(best, time.Since(t0))
			}
			close(stop)
			<-done
			t.Logf("a product takes %v, a collection beside it %v", shortest, best)
			if best > shortest/2 {
				t.Errorf("a product takes %v, and a collection beside it %v: it waits for the product to end", shortest, best)
			}
		})
	}
}
