package nn_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
	"github.com/descent-go/descent/nn"
)

// A dense layer of a test: y = a(x Wᵀ + b) with a loss that is the sum of y times a target.
type denseTest struct {
	inputs, units int
	layer         nn.Layer
}

// weigh is the loss: the sum over a row of y times target.
type weigh struct{}

func (weigh) Type(in []engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (weigh) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: weighBody[float32]{}, F64: weighBody[float64]{}}
}

type weighBody[T engine.Float] struct{}

func (weighBody[T]) Forward(s *engine.Step[T]) {
	n := len(s.In[0]) / s.Rows
	for r := range s.Out {
		sum := 0.0
		for i := r * n; i < (r+1)*n; i++ {
			sum += float64(s.In[0][i]) * float64(s.In[1][i])
		}
		s.Out[r] = T(sum)
	}
}

func (weighBody[T]) Backward(s *engine.Step[T]) {
	n := len(s.In[0]) / s.Rows
	for i := range s.GradIn[0] {
		s.GradIn[0][i] += s.GradOut[i/n] * s.In[1][i]
	}
}

// pass runs a step of rows of a plan for most and returns y and the gradients. If cut is not 0, the batch is accumulated from two parts.
func (d denseTest) pass(t *testing.T, rows, most, cut int, o engine.Options) map[string][]float64 {
	t.Helper()
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{d.inputs}}})
	y := g.Output("y", d.layer.Build(g, x))
	g.Objective(g.Apply(weigh{}, y, g.Input(engine.Field{Name: "t", Type: engine.Type{Shape: engine.Shape{d.units}}})), engine.Value{})
	o.Rows, o.Seed, o.InputGradients = most, 3, []string{"x"}
	plan, err := engine.Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	b := engine.Batch{Rows: rows, Mode: engine.Train}
	for i, n := range []int{d.inputs, d.units} {
		r := engine.NewRand(uint64(i), "batch")
		tensor := engine.Tensor{Shape: engine.Shape{rows, n}}
		for k := range rows * n {
			v := r.Normal(0, k)
			tensor.F32, tensor.F64 = append(tensor.F32, float32(v)), append(tensor.F64, float64(float32(v)))
		}
		if o.Precision == engine.Float64 {
			tensor.F32 = nil
		} else {
			tensor.F64 = nil
		}
		b.In = append(b.In, tensor)
	}
	run := func(b engine.Batch) map[string][]float64 {
		if _, err := plan.Forward(&b); err != nil {
			t.Fatal(err)
		}
		out := map[string][]float64{"y": doubles(plan.Output("y"))}
		if err := plan.Backward(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if cut > 0 {
		first := b
		first.Rows, first.Part = cut, engine.First
		run(first)
		b.Rows, b.Row, b.Part = rows-cut, cut, engine.Last
		b.In = []engine.Tensor{{F32: b.In[0].F32[cut*d.inputs:]}, {F32: b.In[1].F32[cut*d.units:]}}
	}
	out := run(b)
	out["dx"] = doubles(plan.InputGradient("x"))
	for _, grad := range plan.Weights().Gradients() {
		out["d"+grad.Name] = doubles(grad)
	}
	return out
}

func doubles(t engine.Tensor) []float64 {
	if t.F64 != nil {
		return slices.Clone(t.F64)
	}
	x := make([]float64, len(t.F32))
	for i, v := range t.F32 {
		x[i] = float64(v)
	}
	return x
}

// The products in bfloat16 beside those in float64: operands have a relative error of up to 2^-8, and so have sums by the size of their terms.
func TestDenseBFloat16(t *testing.T) {
	for _, set := range kernel.Names() {
		for _, c := range []struct {
			name       string
			d          denseTest
			rows, most int
			bends      bool // where rounding moves a sum across 0, a gradient comes or goes
		}{
			{"one", denseTest{1, 1, nn.Dense{Units: 1}}, 1, 1, false},
			{"odd", denseTest{13, 7, nn.Dense{Units: 7}}, 5, 5, false},
			{"no bias", denseTest{40, 50, nn.Dense{Units: 50, NoBias: true}}, 20, 20, false},
			{"beside a shortcut", denseTest{40, 40, nn.Residual{Body: nn.Dense{Units: 40}}}, 20, 20, false},
			{"rectified", denseTest{70, 101, nn.Sequence{nn.Dense{Units: 101}, nn.ReLU{}}}, 33, 33, true},
			{"sigmoid", denseTest{31, 64, nn.Sequence{nn.Dense{Units: 64}, nn.Sigmoid{}}}, 17, 17, false},
			{"tanh", denseTest{64, 16, nn.Sequence{nn.Dense{Units: 16}, nn.Tanh{}}}, 96, 96, false},
			{"a short batch", denseTest{97, 49, nn.Sequence{nn.Dense{Units: 49}, nn.ReLU{}}}, 7, 100, true},
			{"wide", denseTest{784, 130, nn.Sequence{nn.Dense{Units: 130}, nn.ReLU{}}}, 50, 64, true},
		} {
			t.Run(set+"/"+c.name, func(t *testing.T) {
				want := c.d.pass(t, c.rows, c.most, 0, engine.Options{Precision: engine.Float64, Kernels: set})
				got := c.d.pass(t, c.rows, c.most, 0, engine.Options{Precision: engine.BFloat16, Kernels: set})
				exact := true
				for name, w := range want {
					g := got[name]
					if len(g) != len(w) {
						t.Fatalf("%s: %d numbers, want %d", name, len(g), len(w))
					}
					size, off := 0.0, 0.0
					for i := range w {
						size += w[i] * w[i]
						off += (g[i] - w[i]) * (g[i] - w[i])
						exact = exact && float32(g[i]) == float32(w[i])
					}
					bound := 0.01
					if c.bends && name != "y" {
						bound = 0.15
					}
					if off = math.Sqrt(off / max(size, 1e-30)); !(off < bound) {
						t.Errorf("%s: off by %.3g of its size", name, off)
					}
				}
				if exact {
					t.Error("no number differs from float64: nothing was rounded")
				}
				pool := engine.NewPool(3)
				defer pool.Close()
				for name, p := range c.d.pass(t, c.rows, c.most, 0, engine.Options{Precision: engine.BFloat16, Kernels: set, Pool: pool}) {
					if !slices.Equal(p, got[name]) {
						t.Errorf("%s: other bits with three threads", name)
					}
				}
			})
		}
	}
}

// A product has the same bits in every kernel set, and so has all of a rectified layer but the sum that is the gradient by its bias.
func TestDenseBFloat16AcrossSets(t *testing.T) {
	d := denseTest{61, 45, nn.Sequence{nn.Dense{Units: 45}, nn.ReLU{}}}
	want := d.pass(t, 19, 19, 0, engine.Options{Precision: engine.BFloat16, Kernels: "portable"})
	for _, set := range kernel.Names() {
		for name, got := range d.pass(t, 19, 19, 0, engine.Options{Precision: engine.BFloat16, Kernels: set}) {
			if !slices.Equal(got, want[name]) {
				t.Errorf("%s: %s has other bits than in the portable set", set, name)
			}
		}
	}
}

// A batch in two parts has the gradients of the whole, to the bit where no pair is cut: a sum over rows goes on where it stopped.
func TestDenseBFloat16InParts(t *testing.T) {
	d := denseTest{61, 45, nn.Sequence{nn.Dense{Units: 45}, nn.ReLU{}}}
	o := engine.Options{Precision: engine.BFloat16}
	whole, parts := d.pass(t, 19, 19, 0, o), d.pass(t, 19, 19, 8, o)
	for name, want := range whole {
		if name != "y" && name != "dx" && !slices.Equal(parts[name], want) {
			t.Errorf("%s: other bits than the whole", name)
		}
	}
}

// Whole training steps of W3's widest layer: forward and backward, in float32 and in bfloat16.
func BenchmarkDensePrecision(b *testing.B) {
	const rows, n = 512, 2048
	for _, p := range []engine.Precision{engine.Float32, engine.BFloat16} {
		g := engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{n}}})
		y := nn.Sequence{nn.Dense{Units: n}, nn.ReLU{}}.Build(g, x)
		g.Objective(g.Apply(weigh{}, y, g.Input(engine.Field{Name: "t", Type: engine.Type{Shape: engine.Shape{n}}})), engine.Value{})
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", p, threads), func(b *testing.B) {
				pool := engine.NewPool(threads)
				defer pool.Close()
				plan, err := engine.Compile(g, engine.Options{Precision: p, Rows: rows, Pool: pool, InputGradients: []string{"x"}})
				if err != nil {
					b.Fatal(err)
				}
				batch := engine.Batch{Rows: rows, In: []engine.Tensor{{F32: make([]float32, rows*n)}, {F32: make([]float32, rows*n)}}}
				for i := range batch.In[0].F32 {
					batch.In[0].F32[i], batch.In[1].F32[i] = float32(i%7)-3, float32(i%5)-2
				}
				b.ReportAllocs()
				for b.Loop() {
					plan.Weights().Changed()
					if _, err := plan.Forward(&batch); err != nil {
						b.Fatal(err)
					}
					if err := plan.Backward(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(6*rows*n*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// A plan that only predicts gives the bits of one that trains, with the memory that it asked for.
func TestDenseBFloat16Predicts(t *testing.T) {
	const inputs, units, rows = 70, 50, 37
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{inputs}}})
	y := g.Output("y", nn.Dense{Units: units}.Build(g, x))
	g.Objective(g.Apply(weigh{}, y, g.Input(engine.Field{Name: "t", Type: engine.Type{Shape: engine.Shape{units}}, Use: engine.Target})), engine.Value{})
	b := engine.Batch{Rows: rows, Mode: engine.Evaluate}
	for i, n := range []int{inputs, units} {
		tensor := engine.Tensor{Shape: engine.Shape{rows, n}, F32: make([]float32, rows*n)}
		for k := range tensor.F32 {
			tensor.F32[k] = float32(engine.NewRand(uint64(i), "batch").Normal(0, k))
		}
		b.In = append(b.In, tensor)
	}
	var out [2][]float32
	for k, forward := range []bool{false, true} {
		plan, err := engine.Compile(g, engine.Options{Rows: rows, Seed: 3, Precision: engine.BFloat16, Forward: forward})
		if err != nil {
			t.Fatal(err)
		}
		batch := b
		batch.In = b.In[:len(plan.Inputs())]
		if _, err := plan.Forward(&batch); err != nil {
			t.Fatal(err)
		}
		out[k] = slices.Clone(plan.Output("y").F32)
	}
	if len(out[0]) != rows*units || !slices.Equal(out[0], out[1]) {
		t.Errorf("%d and %d results differ", len(out[0]), len(out[1]))
	}
}
