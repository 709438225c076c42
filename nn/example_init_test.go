package nn_test

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
)

// Diagonal is an initializer of a user's own: Value on the diagonal, normal noise of standard deviation Noise elsewhere (Le, Jaitly and
// Hinton, "A simple way to initialize recurrent networks of rectified linear units", 2015, without the noise). It writes w, which has shape
// s, row after row, from r alone, so that the same seed gives the same weights.
type Diagonal struct {
	Value float64 `spec:",arg"`
	Noise float64 `spec:",min=0"`
}

// Fill implements engine.Init.
func (i Diagonal) Fill(w []float64, s engine.Shape, r engine.Rand) {
	columns := len(w) / s[0]
	for k := range w {
		if k/columns == k%columns {
			w[k] = i.Value
		} else {
			w[k] = i.Noise * r.Normal(0, k)
		}
	}
}

// An initializer is registered like a layer; a dense layer can name it then.
func ExampleRegister_initializer() {
	if err := nn.Register("diagonal", Diagonal{Value: 1}); err != nil {
		fmt.Println(err)
		return
	}
	layer, err := nn.Parse("model", "dense(2, init=diagonal(3, noise=0.01), no_bias=true)")
	if err != nil {
		fmt.Println(err)
		return
	}
	g := engine.NewGraph()
	g.Output("y", layer.Build(g, g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{3}}})))
	plan, err := engine.Compile(g, engine.Options{Rows: 1, Forward: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range plan.Weights().Keep() {
		fmt.Printf("%s %v %.3f\n", w.Name, w.Shape, w.F32)
	}
	fmt.Println(nn.Text(layer))
	// Output:
	// weight 2x3 [3.000 -0.006 0.003 0.014 3.000 -0.006]
	// dense(2, no_bias=true, init=diagonal(3, noise=0.01))
}
