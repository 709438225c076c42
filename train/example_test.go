package train_test

import (
	"context"
	"fmt"
	"log"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// fixed is an initializer for weights that one has chosen by hand.
type fixed []float64

func (f fixed) Fill(w []float64, _ engine.Shape, _ engine.Rand) { copy(w, f) }

// One step of a 2-2-1 network of sigmoids on one row, which docs/by-hand.md works through with pencil and paper.
func ExampleSession() {
	session, err := train.Bind(train.Config{
		Dataset: data.Regression([][]float32{{1, 0}}, []float32{1}), Split: data.Split{NoTest: true, NoValidation: true},
		Scaling: "none", RawTarget: true, Precision: train.Float64,
		Model: nn.Sequence{
			nn.Dense{Units: 2, Init: fixed{0.5, -0.5, 0.25, 0.75}}, nn.Sigmoid{},
			nn.Dense{Units: 1, Init: fixed{1, -1}}, nn.Sigmoid{},
		},
		Loss: nn.HalfSquares{}, SumLoss: true, Optimizer: optim.NewSGD(0.5), Batch: train.Full,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	loss, err := session.Step(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("loss %.4f\n", loss.Loss)
	for _, g := range session.Weights().Gradients() {
		fmt.Printf("gradient of %-14s %8.4f\n", g.Name, g.F64)
	}
	for _, w := range session.Weights().Keep() {
		fmt.Printf("after the step, %-13s %8.4f\n", w.Name, w.F64)
	}
	// Output:
	// loss 0.1176
	// gradient of dense1/weight  [ -0.0285   0.0000   0.0298   0.0000]
	// gradient of dense1/bias    [ -0.0285   0.0298]
	// gradient of dense2/weight  [ -0.0754  -0.0681]
	// gradient of dense2/bias    [ -0.1211]
	// after the step, dense1/weight [  0.5142  -0.5000   0.2351   0.7500]
	// after the step, dense1/bias   [  0.0142  -0.0149]
	// after the step, dense2/weight [  1.0377  -0.9660]
	// after the step, dense2/bias   [  0.0606]
}
