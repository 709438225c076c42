package optim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// parameters is enough of them that no cache holds them.
const parameters = 10_000_000

// inPlace is the rate of a[i] += s*b[i] over arrays of as many elements, in bytes a second.
func inPlace(b *testing.B, x, y []float32) float64 {
	k, err := kernel.For[float32]("")
	if err != nil {
		b.Fatal(err)
	}
	const passes = 10
	t0 := time.Now()
	for range passes {
		k.Axpy(x, 1e-9, y)
	}
	return 12 * parameters * passes / time.Since(t0).Seconds()
}

// BenchmarkStep reports how fast the memory of weights, gradient and state is gone through on one thread: bytes that a step must move, each
// value that is read or written counted once a visit, and their rate as a share of the in-place rate, measured before and after.
func BenchmarkStep(b *testing.B) {
	x, y := make([]float32, parameters), make([]float32, parameters)
	for i := range x {
		x[i], y[i] = 1, 2 // memory that was never written is one page over and over
	}
	for _, c := range []struct {
		text    string
		again   float64 // bytes that a visit before the update reads, for an element
		tensors int
	}{
		{"sgd", 0, 1}, {"momentum", 0, 1}, {"nesterov", 0, 1}, {"adagrad", 0, 1}, {"adadelta", 0, 1}, {"rmsprop", 0, 1},
		{"rmsprop(mu=0.9, centered=true)", 0, 1}, {"adam", 0, 1}, {"amsgrad", 0, 1}, {"adamw", 0, 1},
		{"lars", 8, 1}, {"lars", 8, 8}, {"lars(joint=true)", 8, 8}, {"adamw(clip_norm=1)", 4, 1},
	} {
		b.Run(fmt.Sprint(c.text, "/tensors=", c.tensors), func(b *testing.B) {
			o, err := optim.Parse(c.text)
			if err != nil {
				b.Fatal(err)
			}
			var list []engine.Param
			for i := range c.tensors {
				list = append(list, engine.Param{Path: fmt.Sprint("dense", i, "/weight"), Shape: engine.Shape{parameters / 1000 / c.tensors, 1000}})
			}
			w, err := optimtest.Weights(engine.Float32, list...)
			if err != nil {
				b.Fatal(err)
			}
			live, _ := engine.Vectors[float32](w)
			for i := range live.Grad {
				live.Weight[i], live.Grad[i] = float32(i%7)/8-0.4, float32(i%5)/8-0.3 // no zeros, and none that rules make subnormal
			}
			s, err := o.Bind(w, nil)
			if err != nil {
				b.Fatal(err)
			}
			m := optim.Moment{Sum: engine.Sum{Weight: 1}}
			top := inPlace(b, x, y)
			for b.Loop() {
				if err := s.Step(&m); err != nil {
					b.Fatal(err)
				}
			}
			bytes := (3*4+c.again)*parameters + 2*float64(s.Bytes()) // weights read and written, gradient read, state read and written
			rate := bytes * float64(b.N) / b.Elapsed().Seconds()
			top = (top + inPlace(b, x, y)) / 2
			b.ReportMetric(bytes/parameters, "B/parameter")
			b.ReportMetric(rate/1e9, "GB/s")
			b.ReportMetric(100*rate/top, "%in-place")
		})
	}
}
