package kernel

import (
	"fmt"
	"testing"
	"time"
)

// limit is the rate of multiply-adds of a set, the best of some short samples; 0
// where it is not known.
func limit(name string) float64 {
	best := 0.0
	for range 20 {
		t0 := time.Now()
		flop := MultiplyAdds(name, 20000)
		best = max(best, flop/time.Since(t0).Seconds())
	}
	return best
}

// The products of dense layers by their place: forward, gradient of the input,
// gradient of the weights.
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
		for _, s := range []struct {
			form    string
			m, n, k int
		}{
			{"NT", 1, 128, 784}, {"NT", 32, 128, 784}, {"TN", 128, 784, 32},
			{"NT", 128, 512, 784}, {"NN", 128, 512, 512}, {"TN", 512, 784, 128},
			{"NT", 512, 2048, 784}, {"NN", 512, 2048, 2048}, {"TN", 2048, 784, 512},
			{"NN", 512, 512, 512}, {"NT", 512, 512, 512}, {"TN", 512, 512, 512},
			{"NN", 1024, 1024, 1024}, {"NT", 1024, 1024, 1024}, {"TN", 1024, 1024, 1024},
		} {
			for _, form := range forms(t) {
				if form.name != s.form {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", name, form.name, s.m, s.n, s.k), func(b *testing.B) {
					x, y, c := numbers[T](s.m*s.k, 1), numbers[T](s.k*s.n, 2), make([]T, s.m*s.n)
					lda, ldb := form.strides(s.m, s.n, s.k)
					form.gemm(s.m, s.n, s.k, x, lda, y, ldb, c, s.n, false)
					b.ReportAllocs()
					top := limit(name)
					for b.Loop() {
						form.gemm(s.m, s.n, s.k, x, lda, y, ldb, c, s.n, false)
					}
					rate := 2 * float64(s.m) * float64(s.n) * float64(s.k) * float64(b.N) / b.Elapsed().Seconds()
					b.ReportMetric(rate/1e9, "GFLOP/s")
					if top = max(top, limit(name)); top > 0 && any(T(0)) == any(float32(0)) {
						b.ReportMetric(100*rate/top, "%limit")
					}
				})
			}
		}
	}
}

// Element-wise kernels in the first cache and in memory.
func BenchmarkVectors(b *testing.B) {
	for _, name := range Names() {
		k, err := For[float32](name)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{2048, 1 << 22} {
			w, m, v, grad := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			for i := range w {
				w[i], grad[i] = float32(i%7)-3, float32(i%5)-2
			}
			for _, c := range []struct {
				name  string
				bytes int // moved for an element
				run   func()
			}{
				{"Add", 12, func() { k.Add(w, m, v) }},
				{"Axpy", 12, func() { k.Axpy(w, 1e-9, m) }},
				{"Relu", 8, func() { k.Relu(m, w) }},
				{"ReluBack", 12, func() { k.ReluBack(v, m, w, false) }},
				{"Exp", 8, func() { k.Exp(m, grad) }},
				{"Tanh", 8, func() { k.Tanh(m, grad) }},
				{"Sigmoid", 8, func() { k.Sigmoid(m, grad) }},
				{"Softmax", 8, func() { k.Softmax(n/1024, 1024, m, 1024, grad, 1024) }},
				{"SumSquares", 4, func() { k.SumSquares(grad) }},
				{"NonFinite", 4, func() { k.NonFinite(grad) }},
				{"SumRows", 4, func() { k.SumRows(n/512, 512, m, grad, 512, false) }},
				{"SGD", 12, func() { k.SGD(w, grad, SGD{LR: 1e-9, Scale: 1}) }},
				{"Momentum", 20, func() { k.Momentum(w, v, grad, Momentum{LR: 1e-9, Scale: 1, Mu: 0.9}) }},
				{"Adam", 28, func() {
					clear(v[:1])
					k.Adam(w, m, v, grad, Adam{LR: 1e-9, Scale: 1, Beta1: 0.9, Beta2: 0.999, Correction1: 1, Correction2: 1, Eps: 1e-8})
				}},
			} {
				clear(v)
				b.Run(fmt.Sprintf("%s/%s/%d", name, c.name, n), func(b *testing.B) {
					b.SetBytes(int64(c.bytes * n))
					b.ReportAllocs()
					for b.Loop() {
						c.run()
					}
					b.ReportMetric(float64(n)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "values/ns")
				})
			}
		}
	}
}
