package engine_test

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// Softplus is an operation of a user's own: y = log(1 + exp(x)) for each element, with dy/dx = 1 / (1 + exp(-x)). Everything about it is in
// this one file: type, forward, backward, and what the engine may know (Traits; leaving them out would be right, only slower).
type Softplus struct{}

// Type implements engine.Op.
func (Softplus) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 1 || in[0].Kind != engine.Real {
		return engine.Type{}, fmt.Errorf("inputs are %v; one of real numbers is wanted", in)
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

// Code implements engine.Op.
func (Softplus) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: softplus[float32]{}, F64: softplus[float64]{}}
}

type softplus[T engine.Float] struct{}

func (softplus[T]) Traits() engine.Traits { return engine.Traits{Rowwise: true, ForgetsOut: true} }

func (softplus[T]) Forward(s *engine.Step[T]) {
	for i, x := range s.In[0] {
		s.Out[i] = T(math.Log1p(math.Exp(float64(x))))
	}
}

func (softplus[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return // nobody wants it
	}
	for i, x := range s.In[0] {
		s.GradIn[0][i] += s.GradOut[i] / T(1+math.Exp(-float64(x)))
	}
}

// A user's operation in a graph, compiled and run forward and backward. The objective is its sum over the rows, so its gradient is the
// operation's own derivative.
func Example() {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{1}}})
	y := g.Output("y", g.Apply(Softplus{}, x))
	g.Objective(y, engine.Value{})

	plan, err := engine.Compile(g, engine.Options{Rows: 3, InputGradients: []string{"x"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := engine.Batch{Rows: 3, In: []engine.Tensor{{F32: []float32{-1, 0, 2}}}}
	sum, err := plan.Forward(&batch)
	if err == nil {
		err = plan.Backward()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("y       %.4f\n", plan.Output("y").F32)
	fmt.Printf("dy/dx   %.4f\n", plan.InputGradient("x").F32)
	fmt.Printf("mean    %.4f\n", sum.Mean())
	// Output:
	// y       [0.3133 0.6931 2.1269]
	// dy/dx   [0.2689 0.5000 0.8808]
	// mean    1.0444
}
