package kernel

import (
	"fmt"
	"testing"
)

func BenchmarkGemm(b *testing.B) {
	b.Run("float32", benchmarkGemm[float32])
	b.Run("float64", benchmarkGemm[float64])
}

func benchmarkGemm[T Float](b *testing.B) {
	for _, name := range Names() {
		t, err := For[T](name)
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range []struct{ m, n, k int }{{1, 128, 784}, {32, 128, 784}, {128, 512, 512}, {512, 512, 512}} {
			for _, form := range forms(t) {
				b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", name, form.name, s.m, s.n, s.k), func(b *testing.B) {
					x, y, c := numbers[T](s.m*s.k, 1), numbers[T](s.k*s.n, 2), make([]T, s.m*s.n)
					lda, ldb := form.strides(s.m, s.n, s.k)
					for b.Loop() {
						form.gemm(s.m, s.n, s.k, x, lda, y, ldb, c, s.n, false)
					}
					macs := float64(s.m) * float64(s.n) * float64(s.k) * float64(b.N)
					b.ReportMetric(2*macs/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
