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
			{"NT", 1, 128, 784}, {"NN", 1, 128, 784}, {"NT", 32, 128, 784}, {"TN", 128, 784, 32}, {"NT", 32, 10, 128},
			{"NT", 128, 512, 784}, {"TN", 512, 784, 128}, {"NT", 128, 512, 512}, {"NN", 128, 512, 512}, {"TN", 512, 512, 128},
			{"NT", 512, 2048, 784}, {"TN", 2048, 784, 512}, {"NT", 512, 2048, 2048}, {"NN", 512, 2048, 2048}, {"TN", 2048, 2048, 512},
			{"NN", 64, 2048, 2048},
			{"NN", 512, 512, 512}, {"NT", 512, 512, 512}, {"TN", 512, 512, 512},
			{"NN", 1024, 1024, 1024}, {"NT", 1024, 1024, 1024}, {"TN", 1024, 1024, 1024},
			{"NN", 2048, 2048, 2048}, {"NT", 2048, 2048, 2048}, {"TN", 2048, 2048, 2048},
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

// multiplyAdds is how many multiply-adds and multiplications an element of a function takes, the reduction of its argument included, when it is made of
// exp. The vector sets have Tanh, Sigmoid and GELU as polynomials in pieces, which take 6 to 11, and as many permutations: these may pass 100 %.
var multiplyAdds = map[string]float64{"Exp": 9, "Tanh": 13, "Sigmoid": 13, "Log": 10, "GELU": 25}

// Element-wise kernels, rows and updates in the first cache and in memory, where Add and Axpy are the reference.
func BenchmarkVectors(b *testing.B) {
	for _, name := range Names() {
		k, err := For[float32](name)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{4096, 8 << 20} {
			benchmarkVectors(b, name, k, n)
		}
	}
}

func benchmarkVectors(b *testing.B, name string, k *Table[float32], n int) {
	var x [6][]float32
	for i := range x {
		x[i] = make([]float32, n+128)[16*i:][:n] // not all in the same lines of the cache
		for j := range x[i] {
			x[i][j] = 1 // so that the system has given its pages
		}
	}
	w, m, v, u, grad, positive := x[0], x[1], x[2], x[3], x[4], x[5]
	class := make([]float32, n/8)
	for i := range w {
		w[i], grad[i], positive[i] = float32(i%7)-3, float32(i%5)-2.25, float32(i%7)+0.125
	}
	wide, narrow := min(n, 1024), 10
	scale, shift, each := make([]float32, wide), make([]float32, wide), make([]float32, n/8)
	rows, few := n/wide, n/narrow
	for _, c := range []struct {
		name  string
		bytes float64 // moved for an element
		run   func()
	}{
		{"Add", 12, func() { k.Add(u, w, grad) }},
		{"Axpy", 12, func() { k.Axpy(w, 1e-9, grad) }},
		{"Relu", 8, func() { k.Relu(u, w) }},
		{"ReluBack", 12, func() { k.ReluBack(u, w, grad, false) }},
		{"Exp", 8, func() { k.Exp(u, grad) }},
		{"Tanh", 8, func() { k.Tanh(u, grad) }},
		{"Sigmoid", 8, func() { k.Sigmoid(u, grad) }},
		{"Log", 8, func() { k.Log(u, positive) }},
		{"Erf", 8, func() { k.Erf(u, grad) }},
		{"GELU", 8, func() { k.GELU(u, grad) }},
		{"GELUBack", 12, func() { k.GELUBack(u, grad, w, false) }},
		{"GELUTanh", 8, func() { k.GELUTanh(u, grad) }},
		{"SiLU", 8, func() { k.SiLU(u, grad) }},
		{"Softplus", 8, func() { k.Softplus(u, grad) }},
		{"Softmax", 8, func() { k.Softmax(rows, wide, u, wide, grad, wide) }},
		{"SoftmaxBack", 12, func() { k.SoftmaxBack(rows, wide, u, wide, w, wide, grad, wide, false) }},
		{"CrossEntropy", 8, func() { k.CrossEntropyRows(rows, wide, each, u, wide, grad, wide, class) }},
		{"CrossEntropyBack", 8, func() { k.CrossEntropyBack(rows, wide, u, wide, grad, wide, class, each, false) }},
		{"CrossEntropy10", 8, func() { k.CrossEntropyRows(few, narrow, each, u, narrow, grad, narrow, class) }},
		{"CrossEntropyBack10", 8, func() { k.CrossEntropyBack(few, narrow, u, narrow, grad, narrow, class, each, false) }},
		{"LayerNorm", 8, func() { k.LayerNorm(rows, wide, u, grad, scale, shift, each, each[len(each)/2:], 1e-5) }},
		{"LayerNormBack", 12, func() { k.LayerNormBack(rows, wide, u, scale, shift, grad, w, grad, each, each[len(each)/2:], false) }},
		{"Sum", 4, func() { k.Sum(grad) }},
		{"SumSquares", 4, func() { k.SumSquares(grad) }},
		{"NonFinite", 4, func() { k.NonFinite(grad) }},
		{"SumRows", 4, func() { k.SumRows(n/512, 512, u, grad, 512, false) }},
		{"SGD", 12, func() { k.SGD(w, grad, SGD{LR: 1e-9, Scale: 1}) }},
		{"Momentum", 20, func() { k.Momentum(w, v, grad, Momentum{LR: 1e-9, Scale: 1, Mu: 0.9}) }},
		{"Adam", 28, func() {
			k.Adam(w, m, v, grad, Adam{LR: 1e-9, Scale: 1, Beta1: 0.9, Beta2: 0.999, Correction1: 1, Correction2: 1, Eps: 1e-8})
		}},
		{"RMSProp", 20, func() { k.RMSProp(w, v, nil, nil, grad, RMSProp{Into: 1e-9, Out: 1, Scale: 1, Rho: 0.9, Eps: 1e-8}) }},
		{"AdaGrad", 20, func() { k.AdaGrad(w, v, grad, AdaGrad{LR: 1e-9, Scale: 1, Eps: 1e-8}) }},
		{"Adadelta", 28, func() { k.Adadelta(w, v, m, grad, Adadelta{LR: 1e-9, Scale: 1, Rho: 0.9, Eps: 1e-6}) }},
		{"AMSGrad", 36, func() {
			k.AMSGrad(w, m, v, u, grad, AMSGrad{LR: 1e-9, Scale: 1, Beta1: 0.9, Beta2: 0.999, Correction1: 1, Correction2: 1, Eps: 1e-8})
		}},
	} {
		clear(v)
		clear(m)
		clear(each)
		b.Run(fmt.Sprintf("%s/%s/%d", name, c.name, n), func(b *testing.B) {
			b.ReportAllocs()
			top := limit(name)
			for b.Loop() {
				c.run()
			}
			rate := float64(n) * float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate/1e9, "values/ns")
			b.ReportMetric(c.bytes*rate/1e9, "GB/s")
			if top = max(top, limit(name)); top > 0 && multiplyAdds[c.name] > 0 {
				b.ReportMetric(100*rate*multiplyAdds[c.name]/(top/2), "%issue")
			}
		})
	}
}
