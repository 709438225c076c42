package nn

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// latePlan is a network of dense layers, the last one of 4 units, and a batch for it.
func latePlan(t *testing.T, precision engine.Precision, late bool, rows, inputs int, units ...int) (*engine.Plan, *engine.Batch) {
	t.Helper()
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{inputs}}})
	y := g.Input(engine.Field{Name: "y", Type: engine.Type{Shape: engine.Shape{}, Kind: engine.Index, Below: 4}})
	var layers Sequence
	for i, n := range units {
		layers = append(layers, Dense{Units: n}, []Layer{ReLU{}, Tanh{}}[i%2])
	}
	g.Objective(CrossEntropy{}.Build(g, append(layers, Dense{Units: 4}).Build(g, x), y), engine.Value{})
	p, err := engine.Compile(g, engine.Options{Rows: rows, Seed: 1, Precision: precision, Late: late})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	b := &engine.Batch{Rows: rows}
	for _, f := range p.Inputs() {
		n := make([]float32, rows*f.Type.Shape.Size())
		for i := range n {
			if n[i] = float32(r.NormFloat64()); f.Type.Kind == engine.Index {
				n[i] = float32(r.IntN(4))
			}
		}
		b.In = append(b.In, engine.TensorOf(f.Name, append(engine.Shape{rows}, f.Type.Shape...), n))
	}
	return p, b
}

// Gradients that come late are those of a whole backward pass, to the bit: also where products share packed operands, and where memory of
// one layer is another's later on.
func TestLateGradients(t *testing.T) {
	t.Run("small", func(t *testing.T) { testLateGradients(t, engine.Float32, 2, 40, 48, 96, 75) })
	t.Run("packed", func(t *testing.T) { testLateGradients(t, engine.Float32, 2, 128, 512, 320, 512) })
	t.Run("deep", func(t *testing.T) { testLateGradients(t, engine.Float32, 6, 40, 64, 64, 64, 64, 64, 64, 64) })
	t.Run("bfloat16", func(t *testing.T) { testLateGradients(t, engine.BFloat16, 2, 41, 48, 96, 160, 75) })
	t.Run("bfloat16 deep", func(t *testing.T) { testLateGradients(t, engine.BFloat16, 6, 40, 64, 64, 64, 64, 64, 64, 64) })
}

func testLateGradients(t *testing.T, precision engine.Precision, params, rows, inputs int, units ...int) {
	late, b := latePlan(t, precision, true, rows, inputs, units...)
	if len(late.Late()) == 0 {
		t.Skip("kernels whose products have no updates")
	}
	if len(late.Late()) != params {
		t.Fatalf("late parameters %v, want %d weights", late.Late(), params)
	}
	whole, _ := latePlan(t, precision, false, rows, inputs, units...)
	var want []float32
	for _, p := range []*engine.Plan{whole, late} {
		if _, err := p.Forward(b); err != nil {
			t.Fatal(err)
		}
		v, _ := engine.Vectors[float32](p.Weights())
		for i := range v.Grad {
			v.Grad[i] = 7
		}
		if p == whole {
			if err := p.Backward(); err != nil {
				t.Fatal(err)
			}
			want = v.Grad
			continue
		}
		if err := p.BackwardLate(); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(v.Grad, want) || !p.LateFinite() {
			t.Error("nothing came late, or it is not finite")
		}
		p.BackwardRest()
		if !slices.Equal(v.Grad, want) {
			t.Error("late gradients differ from those of a whole pass")
		}
		p.BackwardRest() // has nothing to do
	}
}

func TestLateGradientsWantAPlainStep(t *testing.T) {
	p, b := latePlan(t, engine.Float32, true, 40, 48, 96, 75)
	for what, change := range map[string]func(b *engine.Batch){
		"watched": func(b *engine.Batch) { b.Watch = true }, "in parts": func(b *engine.Batch) { b.Part = engine.First },
	} {
		c := *b
		change(&c)
		if _, err := p.Forward(&c); err != nil {
			t.Fatal(err)
		}
		if err := p.BackwardLate(); err == nil || !strings.Contains(err.Error(), "one part") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// A layer's input is bounded before its gradient is formed late, unless the caller has said that it is.
func TestLateGradientsWantBoundedInput(t *testing.T) {
	p, b := latePlan(t, engine.Float32, true, 40, 48, 96, 75)
	if len(p.Late()) == 0 {
		t.Skip("kernels whose products have no updates")
	}
	b.In[0].F32[500] = 1 << 51
	for _, known := range []bool{false, true} {
		b.Bounded = []bool{known}
		if _, err := p.Forward(b); err != nil {
			t.Fatal(err)
		}
		if err := p.BackwardLate(); err != nil {
			t.Fatal(err)
		}
		if got := p.LateFinite(); got != known {
			t.Errorf("bounded %v: within bounds %v", known, got)
		}
	}
}
