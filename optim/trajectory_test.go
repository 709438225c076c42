package optim_test

// Rules go where PyTorch's and Optax's go: testdata/trajectories holds theirs.

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

type trajectories struct {
	Rates     []float64
	Start     []float64
	Gradients [][]float64
	Weights   map[string][][]float64
}

// rateList is one rate a step.
type rateList []float64

func (r rateList) At(p optim.Progress) float64 { return r[p.Step] }

func TestTrajectories(t *testing.T) {
	compared := map[string]bool{}
	for _, from := range []string{"torch", "optax"} {
		data, err := os.ReadFile("testdata/trajectories/" + from + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var theirs trajectories
		if err := json.Unmarshal(data, &theirs); err != nil {
			t.Fatal(err)
		}
		for text, want := range theirs.Weights {
			v, err := spec.ParseText("", text)
			if err != nil {
				t.Fatal(err)
			}
			compared[v.Text] = true
			t.Run(from+" "+text, func(t *testing.T) {
				if err := theirs.follow(text, want); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for _, name := range listed {
		if !compared[name] {
			t.Errorf("%s is on the list and is compared with nobody's", name)
		}
	}
}

// follow compares every step with want, to 1e-12 of the larger of a weight and the step.
func (theirs trajectories) follow(text string, want [][]float64) error {
	o, err := optim.Parse(text)
	if err != nil {
		return err
	}
	o.LR = rateList(theirs.Rates)
	const weights, biases = 9, 3
	w, err := optimtest.Weights(engine.Float64,
		engine.Param{Path: "weight", Shape: engine.Shape{weights}, Role: engine.Weight}, engine.Param{Path: "bias", Shape: engine.Shape{biases}, Role: engine.Bias})
	if err != nil {
		return err
	}
	s, err := o.Bind(w, nil)
	if err != nil {
		return err
	}
	live, _ := engine.Vectors[float64](w)
	params := w.Params()
	place := func(i int) int { // in the vectors of element i in the file
		if i < weights {
			return params[0].Offset + i
		}
		return params[1].Offset + i - weights
	}
	for i, x := range theirs.Start {
		live.Weight[place(i)] = x
	}
	before := theirs.Start
	for step, g := range theirs.Gradients {
		for i, x := range g {
			live.Grad[place(i)] = x
		}
		if err := s.Step(&optim.Moment{Progress: optim.Progress{Step: step}, Sum: engine.Sum{Weight: 1}}); err != nil {
			return err
		}
		for i, x := range want[step] {
			got := live.Weight[place(i)]
			if off := math.Abs(got - x); !(off <= 1e-12*max(math.Abs(x), math.Abs(before[i]))) {
				return fmt.Errorf("step %d, weight %d: %v, theirs is %v, off by %.2g", step, i, got, x, off/math.Abs(x))
			}
		}
		before = want[step]
	}
	return nil
}
