package optim_test

import (
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// BenchmarkStep reports how fast the memory of weights, gradient and state is gone through, each read or written value counted once.
func BenchmarkStep(b *testing.B) {
	for _, text := range []string{
		"sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "rmsprop(mu=0.9, centered=true)", "adam", "amsgrad", "adamw", "lars",
		"adamw(clip_norm=1)",
	} {
		b.Run(text, func(b *testing.B) {
			o, err := optim.Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			w, err := optimtest.Weights(engine.Float32, engine.Param{Path: "dense/weight", Shape: engine.Shape{1000, 1000}})
			if err != nil {
				b.Fatal(err)
			}
			s, err := o.Bind(w, nil)
			if err != nil {
				b.Fatal(err)
			}
			m := optim.Moment{Sum: engine.Sum{Weight: 1}}
			for b.Loop() {
				if err := s.Step(&m); err != nil {
					b.Fatal(err)
				}
			}
			bytes := 3*4*1e6 + 2*float64(s.Bytes()) // weights read and written, gradient read, state read and written
			b.ReportMetric(bytes*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}
