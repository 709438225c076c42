package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// Whole networks against PyTorch in float64: ten steps, every parameter and running state after each. The numbers were made by
// testdata/pytorch/make.py; its README says what each case pins down.

type array struct {
	Path   string
	Shape  []int
	Role   string
	Values []float64
}

type reference struct {
	Case  string
	Graph []struct {
		Name, Op string
		In       []string
		Width    int
	}
	Inputs     map[string]array
	Targets    array
	Batches    []struct{ Row, Rows int }
	Parameters []array
	States     []array
	Loss       struct{ Reduction string }
	Optimizer  struct {
		Rule                            string
		Coupled                         bool
		Momentum, Beta1, Beta2, Epsilon float64
		Rates                           []float64
		Groups                          []struct {
			Roles []string
			Decay float64
			Trust *float64
		}
		Clip     struct{ Norm, Value float64 }
		Schedule *struct {
			Peak   float64
			Warmup int
		}
	}
	Steps []struct {
		Loss                          float64
		Gradients, Parameters, States map[string][]float64
	}
	Evaluation *struct {
		Inputs map[string]array
		Output array
	}
}

// rates is a schedule from a list.
type rates []float64

func (r rates) At(p optim.Progress) float64 { return r[p.Step] }

func (r *reference) optimizer(t *testing.T) optim.Optimizer {
	t.Helper()
	ref := r.Optimizer
	var o optim.Optimizer
	switch ref.Rule {
	case "sgd":
		o = optim.NewSGD(1)
	case "momentum-field":
		o = optim.NewMomentum(1, ref.Momentum)
	case "momentum-survey":
		o = optim.NewMomentum(1, 0)
		o.Rule = optim.Momentum{Mu: ref.Momentum, Survey: true}
	case "nesterov-field":
		o = optim.NewMomentum(1, 0)
		o.Rule = optim.Momentum{Mu: ref.Momentum, Nesterov: true}
	case "adam":
		o = optim.NewAdam(1)
		o.Rule = optim.Adam{Beta1: ref.Beta1, Beta2: ref.Beta2, Epsilon: ref.Epsilon}
	case "adamw":
		o = optim.NewAdamW(1)
		o.Rule = optim.AdamW{Beta1: ref.Beta1, Beta2: ref.Beta2, Epsilon: ref.Epsilon}
	case "lars":
		o = optim.NewLARS(1)
		o.Rule = optim.LARS{Mu: ref.Momentum, Trust: *ref.Groups[0].Trust}
	default:
		t.Fatalf("rule %q", ref.Rule)
	}
	// The references decay weights and leave biases and norms alone, which is our default where nothing is said.
	o.Decay = optim.Decay{Rate: ref.Groups[0].Decay, Coupled: ref.Coupled}
	if ref.Rule == "lars" {
		o.Decay.Coupled = optim.NewLARS(1).Decay.Coupled
	}
	o.Clip = optim.Clip{Norm: ref.Clip.Norm, Value: ref.Clip.Value}
	o.LR = rates(ref.Rates)
	if s := ref.Schedule; s != nil {
		o.LR = optim.Warmup{Steps: s.Warmup, Then: optim.Cosine{LR: s.Peak}}
	}
	return o
}

// network builds the case's network with the layers of package nn.
func (r *reference) network(t *testing.T, g *engine.Graph) engine.Value {
	t.Helper()
	if r.Graph != nil {
		return r.dag(t, g)
	}
	var text string
	switch kind, _, _ := strings.Cut(r.Case, "-"); kind {
	case "sigmoid":
		text = "sequence(dense(4), sigmoid, dense(3), sigmoid)"
	case "relu":
		text = "mlp(8, 7, outputs=4)"
	case "batchnorm":
		text = "mlp(8, 6, outputs=3, batchnorm=true)"
	default:
		t.Fatalf("case %q", r.Case)
	}
	layer, err := nn.Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	x := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{r.Inputs["x"].Shape[1]}}})
	return layer.Build(g, x)
}

func (r *reference) dag(t *testing.T, g *engine.Graph) engine.Value {
	values := map[string]engine.Value{}
	var last engine.Value
	for _, n := range r.Graph {
		var in []engine.Value
		for _, name := range n.In {
			in = append(in, values[name])
		}
		switch n.Op {
		case "input":
			last = g.Input(engine.Field{Name: n.Name, Type: engine.Type{Shape: engine.Shape{n.Width}}})
		case "shared":
			last = nn.Shared{Name: "shared", Layer: nn.Dense{Units: n.Width}}.Build(g, in...)
		case "tanh":
			last = nn.Tanh{}.Build(g.In(n.Name), in...)
		case "add":
			last = nn.Add{}.Build(g.In(n.Name), in...)
		case "multiply":
			last = nn.Multiply{}.Build(g.In(n.Name), in...)
		case "concatenate":
			last = nn.Concatenate{}.Build(g.In(n.Name), in...)
		case "softmax":
			last = nn.Softmax{}.Build(g.In(n.Name), in...)
		default:
			last = nn.Dense{Units: n.Width}.Build(g.In(n.Op), in...)
		}
		values[n.Name] = last
	}
	return last
}

func TestWholeNetworksAgreeWithPyTorch(t *testing.T) {
	files, err := filepath.Glob("testdata/pytorch/*-*.json")
	if err != nil || len(files) < 17 {
		t.Fatalf("%d reference files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r reference
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			for _, threads := range []int{1, 2} {
				r.run(t, threads)
			}
		})
	}
}

func (r *reference) run(t *testing.T, threads int) {
	t.Helper()
	g := engine.NewGraph()
	out := g.Output("output", r.network(t, g))
	target := engine.Field{Name: "target", Type: engine.Type{Shape: engine.Shape{1}, Kind: engine.Index, Below: g.Type(out).Shape.Size()}, Use: engine.Target}
	var loss nn.Layer = nn.CrossEntropy{}
	if len(r.Targets.Shape) == 2 {
		target.Type = engine.Type{Shape: engine.Shape{r.Targets.Shape[1]}}
		loss = nn.MeanSquares{}
		if strings.HasPrefix(r.Case, "sigmoid") {
			loss = nn.HalfSquares{}
		}
	}
	g.Objective(loss.Build(g.In("loss"), out, g.Input(target)), engine.Value{})
	pool := engine.NewPool(threads)
	defer pool.Close()
	p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 10, Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	var initial []engine.Tensor
	for _, a := range slices.Concat(r.Parameters, r.States) {
		initial = append(initial, engine.Tensor{Name: a.Path, Shape: a.Shape, F64: a.Values})
	}
	if err := p.Weights().Restore(initial); err != nil {
		t.Fatal(err)
	}
	s, err := r.optimizer(t).Bind(p.Weights(), pool)
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.HasPrefix(r.Loss.Reduction, "sum")
	for k, want := range r.Steps {
		b := r.Batches[min(k, len(r.Batches)-1)]
		batch := &engine.Batch{Rows: b.Rows, Step: uint64(k)}
		for _, f := range p.Inputs() {
			a, ok := r.Inputs[f.Name]
			if !ok {
				a = r.Targets
			}
			n := f.Type.Shape.Size()
			batch.In = append(batch.In, engine.Tensor{F64: a.Values[b.Row*n : (b.Row+b.Rows)*n]})
		}
		got, err := p.Forward(batch)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Backward(); err != nil {
			t.Fatal(err)
		}
		if sum {
			got.Weight = 1
		}
		near(t, fmt.Sprintf("step %d: loss", k+1), []float64{got.Mean()}, []float64{want.Loss})
		if k == 0 {
			for _, g := range p.Weights().Gradients() {
				for i := range g.F64 {
					g.F64[i] /= got.Weight
				}
				near(t, "gradient of "+g.Name, g.F64, want.Gradients[g.Name])
			}
		}
		if err := s.Step(&optim.Moment{Progress: optim.Progress{Step: k, Steps: len(r.Steps)}, Sum: got}); err != nil {
			t.Fatal(err)
		}
		for _, w := range p.Weights().Keep() {
			expected, ok := want.Parameters[w.Name]
			if !ok {
				expected = want.States[w.Name]
			}
			near(t, fmt.Sprintf("step %d: %s", k+1, w.Name), w.F64, expected)
		}
		if t.Failed() {
			return
		}
	}
	if e := r.Evaluation; e != nil {
		rows := e.Inputs["x"].Shape[0]
		f, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: rows, Forward: true, Weights: p.Weights()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Forward(&engine.Batch{In: []engine.Tensor{{F64: e.Inputs["x"].Values}}, Rows: rows, Mode: engine.Evaluate}); err != nil {
			t.Fatal(err)
		}
		near(t, "evaluation", f.Output("output").F64, e.Output.Values)
	}
}

// near wants agreement to 1e-10, relative above one.
func near(t *testing.T, what string, got, want []float64) {
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

func TestActivationsAgreeWithPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/pytorch/activations.json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Inputs       map[string]array
		Upstream     array
		Functions    map[string]struct{ Output, Gradient []float64 }
		CrossEntropy struct {
			Logits, Targets, Weights array
			Loss, Gradient           []float64
		} `json:"cross_entropy"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	x := r.Inputs["x"]
	for name, f := range r.Functions {
		layer, err := nn.Parse("test", name)
		if err != nil {
			t.Fatal(err)
		}
		g := engine.NewGraph()
		row := engine.Type{Shape: engine.Shape{x.Shape[1]}}
		y := g.Output("y", layer.Build(g, g.Input(engine.Field{Name: "x", Type: row})))
		// ½ Σ (y - d)² has the gradient y - d, so d = y - upstream makes it the wanted one.
		g.Objective(nn.HalfSquares{}.Build(g.In("loss"), y, g.Input(engine.Field{Name: "d", Type: row})), engine.Value{})
		p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: x.Shape[0], InputGradients: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		d := slices.Clone(f.Output)
		for i := range d {
			d[i] -= r.Upstream.Values[i]
		}
		if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{{F64: x.Values}, {F64: d}}, Rows: x.Shape[0]}); err != nil {
			t.Fatal(err)
		}
		near(t, name, p.Output("y").F64, f.Output)
		if err := p.Backward(); err != nil {
			t.Fatal(err)
		}
		near(t, name+" backward", p.InputGradient("x").F64, f.Gradient)
	}
	c := r.CrossEntropy
	rows, classes := c.Logits.Shape[0], c.Logits.Shape[1]
	g := engine.NewGraph()
	loss := nn.CrossEntropy{}.Build(g, g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{classes}}}),
		g.Input(engine.Field{Name: "d", Type: engine.Type{Shape: engine.Shape{1}, Kind: engine.Index, Below: classes}}))
	g.Output("loss", loss)
	g.Objective(loss, g.Input(engine.Field{Name: "w", Type: engine.Type{Shape: engine.Shape{1}}}))
	p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: rows, InputGradients: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{{F64: c.Logits.Values}, {F64: c.Targets.Values}, {F64: c.Weights.Values}}, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	near(t, "cross entropy", p.Output("loss").F64, c.Loss)
	if err := p.Backward(); err != nil {
		t.Fatal(err)
	}
	near(t, "cross entropy backward", p.InputGradient("x").F64, c.Gradient)
}
