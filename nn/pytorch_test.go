package nn

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
)

// testdata/pytorch/README.md describes the files and has the command that makes them.

type pytorchArray struct {
	Shape  []int
	Values []float64
}

func (a pytorchArray) row() engine.Shape { return a.Shape[1:] }

type pytorchCase struct {
	Text               string
	Below              int
	Inputs             []pytorchArray
	Parameters         map[string]pytorchArray
	Upstream, Output   pytorchArray
	InputGradients     [][]float64          `json:"input_gradients"`
	ParameterGradients map[string][]float64 `json:"parameter_gradients"`
}

func TestLayersAgreeWithPyTorch(t *testing.T) {
	agree(t, "layers", spec.NewSet(layers, initializers))
}
func TestLossesAgreeWithPyTorch(t *testing.T) { agree(t, "losses", spec.NewSet(losses)) }

func agree(t *testing.T, file string, set *spec.Set) {
	text, err := os.ReadFile("testdata/pytorch/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []pytorchCase }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range all.Cases {
		t.Run(c.Text, func(t *testing.T) {
			v, err := spec.ParseText("test", c.Text)
			if err != nil {
				t.Fatal(err)
			}
			layer, err := spec.Decode[Layer](set, v)
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, layer)
		})
	}
}

func (c pytorchCase) check(t *testing.T, layer Layer) {
	g := engine.NewGraph()
	names := []string{"x", "target"}
	var x []engine.Value
	var wanted []string
	batch := engine.Batch{Rows: c.Inputs[0].Shape[0]}
	for i, in := range c.Inputs {
		f := engine.Field{Name: names[i], Type: engine.Type{Shape: in.row()}}
		if c.Below > 0 && i == len(c.Inputs)-1 {
			f.Type.Kind, f.Type.Below = engine.Index, c.Below
			if len(f.Type.Shape) == 0 {
				f.Type.Shape = engine.Shape{1}
			}
		}
		x = append(x, g.Input(f))
		if c.InputGradients[i] != nil {
			wanted = append(wanted, names[i])
		}
		batch.In = append(batch.In, engine.Tensor{F64: in.Values})
	}
	y := g.Output("y", layer.Build(g, x...))
	// ½ Σ (y - d)² has the gradient y - d by y, so d = y - upstream makes it the wanted one.
	row := g.Type(y).Shape
	g.Objective(HalfSquares{}.Build(g.In("loss"), y, g.Input(engine.Field{Name: "d", Type: engine.Type{Shape: row}})), engine.Value{})
	d := slices.Clone(c.Output.Values)
	for i := range d {
		d[i] -= c.Upstream.Values[i]
	}
	batch.In = append(batch.In, engine.Tensor{F64: d})
	p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: batch.Rows, InputGradients: wanted})
	if err != nil {
		t.Fatal(err)
	}
	if want := c.Output.row(); !row.Equal(want) && row.Size() != want.Size() {
		t.Errorf("a row of the output is %v, PyTorch has %v", row, want)
	}
	weights := p.Weights().Keep()
	if len(weights) != len(c.Parameters) {
		t.Fatalf("%d parameters, PyTorch has %d", len(weights), len(c.Parameters))
	}
	for i, w := range weights {
		weights[i].F64 = c.Parameters[w.Name].Values
	}
	if err := p.Weights().Restore(weights); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Forward(&batch); err != nil {
		t.Fatal(err)
	}
	nearPyTorch(t, "output", p.Output("y").F64, c.Output.Values)
	if err := p.Backward(); err != nil {
		t.Fatal(err)
	}
	for i, name := range names[:len(c.Inputs)] {
		if c.InputGradients[i] != nil {
			nearPyTorch(t, "gradient by "+name, p.InputGradient(name).F64, c.InputGradients[i])
		}
	}
	for _, w := range p.Weights().Gradients() {
		nearPyTorch(t, "gradient by "+w.Name, w.F64, c.ParameterGradients[w.Name])
	}
}

// nearPyTorch wants agreement to 1e-10, relative above one.
func nearPyTorch(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, %d are wanted", what, len(got), len(want))
		return
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-10*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: number %d is %v, PyTorch has %v", what, i, got[i], want[i])
			return
		}
	}
}
