package train

import (
	"context"
	"fmt"
	"testing"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// pictures is random data of MNIST's shape: 28 by 28 pixels, ten classes.
func pictures(rows int) data.Dataset {
	x, y := make([][]float32, rows), make([]int, rows)
	for i := range x {
		x[i] = make([]float32, 784)
		for j := range x[i] {
			x[i][j] = float32((i*31+j*17)%97) / 97
		}
		y[i] = i % 10
	}
	return data.Slices(x, y)
}

func stepConfig(threads int) Config {
	return Config{
		Dataset: pictures(2000), Model: nn.MLP{Units: []int{128}, Dropout: 0.1}, Optimizer: optim.NewAdam(1e-3),
		Batch: 32, Epochs: 1000, Threads: threads,
	}
}

// BenchmarkTrainStep is a whole step: load, forward, backward, update. It must report 0 allocs/op.
func BenchmarkTrainStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		small, large := stepConfig(threads), stepConfig(threads)
		large.Model, large.Batch = nn.MLP{Units: []int{512, 512}}, 128
		averaged := large
		averaged.Optimizer.Wrap = []optim.Wrapper{optim.EMA{Decay: 0.999, Warm: true}}
		for name, c := range map[string]Config{"784-128-10": small, "784-512-512-10": large, "784-512-512-10,ema": averaged} {
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				s, err := Bind(c)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				ctx := context.Background()
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Step(ctx); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(c.Batch)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
			})
		}
	}
}

// The benchmark's promise as a test: a step that tells nothing allocates nothing, also when an epoch ends.
func TestStepAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		s, err := Bind(stepConfig(threads))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		step := func() {
			if _, err := s.Step(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if n := testing.AllocsPerRun(2*s.StepsPerEpoch(), step); n != 0 {
			t.Errorf("%d threads: %v allocations a step", threads, n)
		}
	}
}
