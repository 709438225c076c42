package optim_test

// Plans keep rearranged copies of weights and refill them when they hear that weights have changed. An optimizer that forgot to say so
// would train on stale weights.

import (
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// copied is the loss w, read from a packed copy.
type copied struct{}

func (copied) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}
func (copied) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: copiedBody{}}
}

type copiedBody struct{}

func (copiedBody) Traits() engine.Traits           { return engine.Traits{Packed: 1} }
func (copiedBody) Pack(s *engine.Step[float64])    { s.Packed[0] = s.In[1][0] }
func (copiedBody) Forward(s *engine.Step[float64]) { s.Out[0] = s.Packed[0] }
func (copiedBody) Backward(s *engine.Step[float64]) {
	s.GradIn[1][0] += s.GradOut[0]
}

func TestPackedCopiesAreRefilled(t *testing.T) {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{1}}})
	g.Objective(g.Apply(copied{}, x, g.Param("w", engine.Shape{1}, engine.Weight, one{})), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 1})
	if err != nil {
		t.Fatal(err)
	}
	gradient := func(mode engine.Mode) engine.Sum {
		sum, err := plan.Forward(&engine.Batch{In: []engine.Tensor{{F64: []float64{0}}}, Rows: 1, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Backward(); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	var again float64
	o := optim.NewSGD(0.25)
	o.Wrap = []optim.Wrapper{sam{0.5}}
	s := bind(t, o, plan.Weights())
	sum := gradient(engine.Train)
	step(t, s, optim.Moment{Sum: sum, Again: func() (engine.Sum, error) {
		sum := gradient(engine.Again)
		again = sum.Loss
		return sum, nil
	}})
	near(t, "first loss", sum.Loss, 1)
	near(t, "loss at the point where SAM looks", again, 1.5)
	near(t, "loss after the step", gradient(engine.Train).Loss, 0.75)

	// A plain step, with no wrapper that says so as well.
	s = bind(t, optim.NewSGD(0.25), plan.Weights())
	step(t, s, optim.Moment{Sum: engine.Sum{Weight: 1}})
	near(t, "loss after a plain step", gradient(engine.Train).Loss, 0.5)
}

type one struct{}

func (one) Fill(w []float64, _ engine.Shape, _ engine.Rand) { w[0] = 1 }
