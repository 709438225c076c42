package nn

import (
	"fmt"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Dense layers with a rectifier, forward and backward, on one thread: bias, activation, its derivative and the sums for the bias included. The
// share of the limit counts products only.
func BenchmarkDense(b *testing.B) {
	for _, name := range kernel.Names() {
		for _, l := range []struct{ rows, inputs, units int }{{32, 784, 128}, {128, 784, 512}, {128, 512, 512}, {512, 784, 2048}, {512, 2048, 2048}} {
			s, body := denseStep(name, l.rows, l.inputs, l.units)
			products := 2.0
			if l.inputs == 784 { // the first layer of a network
				s.GradIn[0], products = nil, 1
			}
			for _, pass := range []struct {
				name string
				run  func(*engine.Step[float32])
				flop float64
			}{{"forward", body.Forward, 1}, {"backward", body.Backward, products}} {
				b.Run(fmt.Sprintf("%s/%s/%dx%dx%d", name, pass.name, l.rows, l.units, l.inputs), func(b *testing.B) {
					flop := 2 * pass.flop * float64(l.rows) * float64(l.units) * float64(l.inputs)
					pass.run(s)
					b.ReportAllocs()
					top := multiplyAdds(name)
					for b.Loop() {
						pass.run(s)
					}
					rate := flop * float64(b.N) / b.Elapsed().Seconds()
					b.ReportMetric(rate/1e9, "GFLOP/s")
					if top = max(top, multiplyAdds(name)); top > 0 {
						b.ReportMetric(100*rate/top, "%limit")
					}
				})
			}
		}
	}
}

// denseStep is one step of a dense layer by itself.
func denseStep(set string, rows, inputs, units int) (*engine.Step[float32], *affine[float32]) {
	in := []engine.Type{vector(inputs), {Shape: engine.Shape{units, inputs}, Fixed: true}, {Shape: engine.Shape{units}, Fixed: true}}
	body := newAffine[float32](DenseOp{Then: reluActivation}, in, engine.Conditions{Rows: rows, Kernels: set, Training: true})
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i, v := range fill(Normal{SD: 1}, engine.Shape{n}) {
			x[i] = float32(v)
		}
		return x
	}
	t := body.Traits()
	return &engine.Step[float32]{
		Rows: rows, In: [][]float32{random(rows * inputs), random(units * inputs), random(units)}, Out: make([]float32, rows*units),
		GradIn: [][]float32{random(rows * inputs), random(units * inputs), random(units)}, GradOut: random(rows * units),
		First: []bool{true, true, true}, Scratch: make([]float32, t.Scratch), Packed: make([]float32, t.Packed),
	}, body
}

// multiplyAdds is the rate of multiply-adds of a set, the best of some short samples; 0 where it is not known.
func multiplyAdds(name string) float64 {
	best := 0.0
	for range 20 {
		t0 := time.Now()
		flop := kernel.MultiplyAdds(name, 5000)
		best = max(best, flop/time.Since(t0).Seconds())
	}
	return best
}
