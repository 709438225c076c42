package nn_test

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
)

// Snake is a layer of a user's own: y = x + sin²(Rate·x) / Rate, for signals that repeat (Ziyin, Hartwig and Ueda, "Neural networks fail to
// learn periodic functions and how to fix it", 2020). It is at once the layer and its operation. Here the sine is a polynomial, for Rate·x
// within ±1.
type Snake struct {
	Rate float64 `spec:",arg,gt=0" help:"how fast it repeats"`
}

// Build puts the operation into the graph: this is all that a layer is.
func (l Snake) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type says what comes out, or what is wanted.
func (Snake) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 1 || in[0].Kind != engine.Real {
		return engine.Type{}, fmt.Errorf("inputs are %v; one of numbers is wanted", in)
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

// Code gives the body in both precisions.
func (l Snake) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: snake[float32]{float32(l.Rate)}, F64: snake[float64]{l.Rate}}
}

type snake[T engine.Float] struct{ rate T }

// Traits are optional: they let the engine cut the work into tiles of rows and free the result's memory early.
func (snake[T]) Traits() engine.Traits { return engine.Traits{Rowwise: true, ForgetsOut: true} }

func (b snake[T]) Forward(s *engine.Step[T]) {
	for i, x := range s.In[0] {
		sine, _ := b.sine(b.rate * x)
		s.Out[i] = x + T(sine*sine)/b.rate
	}
}

// Backward adds to the gradient by the input: ∂L/∂x = δ (1 + 2 sin cos).
func (b snake[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	for i, x := range s.In[0] {
		sine, cosine := b.sine(b.rate * x)
		s.GradIn[0][i] += T(s.GradOut[i] * (1 + 2*T(sine*cosine)))
	}
}

// sine is the sine and its derivative.
func (snake[T]) sine(x T) (sine, cosine T) {
	q := T(x * x)
	return x * (1 - q/6*(1-q/20*(1-q/42))), 1 - q/2*(1-q/12*(1-q/30))
}

// A layer of one's own is registered under a name; then text, flags and saved models can say it like any other.
func ExampleRegister() {
	if err := nn.Register("snake", Snake{Rate: 1}); err != nil {
		fmt.Println(err)
		return
	}
	layer, err := nn.Parse("model", "sequence(snake(0.5), dense(1, init=1))")
	if err != nil {
		fmt.Println(err)
		return
	}
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{2}}})
	g.Output("y", layer.Build(g, x))
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 1, Forward: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := plan.Forward(&engine.Batch{In: []engine.Tensor{{F64: []float64{1, -1}}}, Rows: 1}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%.4f\n", nn.Text(layer), plan.Output("y").F64)
	_, err = nn.Parse("model", "snake(rate=0)")
	fmt.Println(err)
	// Output:
	// [snake(0.5), dense(1, init=1)]
	// [0.9194]
	// model:1:12: rate: found 0, wanted a number > 0
}
