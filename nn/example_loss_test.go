package nn_test

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
)

// Quantile is a loss of a user's own: its minimum is the Share-quantile of the target instead of its mean (Koenker and Bassett, "Regression
// quantiles", 1978). A loss is a layer from the network's output and a target to one number a row, so one made of other layers' operations
// needs no derivative: Share max(d - y, 0) + (1 - Share) max(y - d, 0).
type Quantile struct {
	Share float64 `spec:",arg,gt=0,lt=1" help:"which quantile"`
}

// Build implements nn.Layer.
func (l Quantile) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if len(x) != 2 {
		g.Fail(fmt.Errorf("quantile: %d inputs; an output and a target are wanted", len(x)))
		return engine.Value{}
	}
	minus := nn.Scale{Factor: -1}
	above := nn.Add{}.Build(g, x[0], minus.Build(g, x[1])) // y - d
	over := nn.Sequence{nn.ReLU{}, nn.Scale{Factor: 1 - l.Share}}.Build(g.In("over"), above)
	under := nn.Sequence{minus, nn.ReLU{}, nn.Scale{Factor: l.Share}}.Build(g.In("under"), above)
	return nn.Add{}.Build(g, over, under)
}

// A loss of one's own is registered apart from layers, so that a configuration's loss can name it and its model cannot by mistake.
func ExampleRegisterLoss() {
	if err := nn.RegisterLoss("quantile", Quantile{Share: 0.5}); err != nil {
		fmt.Println(err)
		return
	}
	loss, err := nn.DescribedLoss("config", []byte(`{"quantile": {"share": 0.9}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	number := engine.Type{Shape: engine.Shape{1}}
	g := engine.NewGraph()
	y := g.Input(engine.Field{Name: "y", Type: number})
	d := g.Input(engine.Field{Name: "d", Type: number, Use: engine.Target})
	g.Objective(g.Output("loss", loss.Build(g.In("loss"), y, d)), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 2, InputGradients: []string{"y"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	sum, err := plan.Forward(&engine.Batch{In: []engine.Tensor{{F64: []float64{1, 3}}, {F64: []float64{2, 2}}}, Rows: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f, together %.2f\n", plan.Output("loss").F64, sum.Loss)
	if err := plan.Backward(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", plan.InputGradient("y").F64)
	// Output:
	// [0.90 0.10], together 1.00
	// [-0.90 0.10]
}
