package nn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// partInits are initializers that can be had in parts, each in a form that its test of moments does not have twice.
var partInits = map[string]engine.PartInit{
	"glorot": Glorot{}, "glorot normal": Glorot{Normal: true, Gain: 2}, "he": He{}, "he uniform": He{Uniform: true, FanOut: true},
	"lecun": LeCun{}, "lecun uniform": LeCun{Uniform: true}, "uniform": Uniform{-1, 3}, "normal": Normal{Mean: 2, SD: 3},
	"truncated normal": TruncatedNormal{SD: 2},
}

func TestPartsOfAnInitializerAreTheWhole(t *testing.T) {
	s := engine.Shape{50, 7, 3}
	for name, init := range partInits {
		whole, parts := fill(init, s), make([]float64, s.Size())
		for from := 0; from < len(parts); from += 97 {
			init.FillPart(parts[from:min(from+97, len(parts))], from, s, engine.NewRand(5, "init"))
		}
		if !slices.Equal(whole, parts) {
			t.Errorf("%s: other numbers in parts", name)
		}
	}
}

// Large enough for several parts of different owners, and no multiple of a part.
func TestInitialWeightsDoNotDependOnThreads(t *testing.T) {
	shape := engine.Shape{301, 211}
	for name, init := range partInits {
		for _, p := range []engine.Precision{engine.Float32, engine.Float64} {
			whole := fillAs(init, shape)
			for _, threads := range []int{1, 2, 5} {
				pool := engine.NewPool(threads)
				w, err := initialized(init, shape, p, pool)
				pool.Close()
				if err != nil {
					t.Fatal(err)
				}
				for k, v := range whole {
					if p == engine.Float32 {
						v = float64(float32(v))
					}
					if w.At(k) != v {
						t.Fatalf("%s, %v, %d threads: element %d is %v, want %v", name, p, threads, k, w.At(k), v)
					}
				}
			}
		}
	}
}

// oddPart is not finite at two places.
type oddPart struct{ Constant }

func (i oddPart) FillPart(w []float64, from int, s engine.Shape, r engine.Rand) {
	i.Fill(w, s, r)
	for k := range w {
		if at := from + k; at >= 40000 && at%10000 == 0 {
			w[k] /= 0 * w[k]
		}
	}
}

func TestFirstNumberThatIsNotFiniteIsNamed(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		pool := engine.NewPool(threads)
		_, err := initialized(oddPart{1}, engine.Shape{300, 300}, engine.Float32, pool)
		pool.Close()
		if want := `"w": its initializer gave +Inf at element 40000`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d threads: %v; want %s", threads, err, want)
		}
	}
}

// fillAs is how parameter w of a plan with seed 5 starts.
func fillAs(i engine.Init, s engine.Shape) []float64 {
	w := make([]float64, s.Size())
	i.Fill(w, s, engine.NewRand(5, "init/w"))
	return w
}

func initialized(i engine.Init, s engine.Shape, p engine.Precision, pool *engine.Pool) (engine.Tensor, error) {
	g := engine.NewGraph()
	g.Output("y", g.Param("w", s, engine.Weight, i))
	plan, err := engine.Compile(g, engine.Options{Rows: 1, Seed: 5, Precision: p, Pool: pool})
	if err != nil {
		return engine.Tensor{}, err
	}
	return plan.Weights().Keep()[0], nil
}

// A megabyte of weights at a time, as a layer of 512 inputs and 512 units has them.
func BenchmarkInitialWeights(b *testing.B) {
	for _, c := range []struct {
		name string
		init engine.Init
	}{{"uniform", Uniform{-1, 1}}, {"normal", Normal{SD: 1}}, {"truncated normal", TruncatedNormal{SD: 1}}} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", c.name, threads), func(b *testing.B) {
				pool := engine.NewPool(threads)
				defer pool.Close()
				for b.Loop() {
					if _, err := initialized(c.init, engine.Shape{512, 512}, engine.Float32, pool); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(512*512), "ns/weight")
			})
		}
	}
}
