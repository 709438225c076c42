package descent_test

// The survey "Training Deep Neural Networks" (Cui 2023), sentence by sentence. A subtest's name quotes the words that it holds us to; the
// formulas are computed a second time here, by loops that follow the survey's indices and share nothing with the engine. Where the survey is
// wrong the name begins with "erratum", and the test shows what holds. docs/survey.md lists all statements, also those that no test can hold.
//
// This file has the means for that, and section 2, back-propagation. Section 3 is in survey_descent_test.go (3.1 and 3.2) and
// survey_adaptive_test.go (3.3 to 3.5).

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// network is a network with its loss and the rows that it sees, in float64.
type network struct {
	t     testing.TB
	plan  *engine.Plan
	batch engine.Batch
}

// bind compiles layers with a loss, nil is the survey's, for rows x with the desired outputs d. Every weight, biases too, starts from start;
// nil leaves that to the layers.
func bind(t testing.TB, layer, loss nn.Layer, x, d [][]float64, start engine.Init, seed uint64) *network {
	t.Helper()
	if loss == nil {
		loss = nn.HalfSquares{}
	}
	g := engine.NewGraph()
	out := layer.Build(g, g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{len(x[0])}}}))
	g.Output("y", out)
	target := g.Input(engine.Field{Name: "d", Type: engine.Type{Shape: engine.Shape{len(d[0])}}, Use: engine.Target})
	g.Objective(loss.Build(g, out, target), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: len(x), Seed: seed, InputGradients: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, plan: plan}
	if start != nil {
		for _, p := range plan.Weights().Params() {
			start.Fill(n.weight(p.Path), p.Shape, engine.NewRand(seed, p.Path))
		}
		plan.Weights().Changed()
	}
	n.show(x, d)
	return n
}

// show makes x and d the rows of the next pass.
func (n *network) show(x, d [][]float64) {
	n.batch.Rows, n.batch.In = len(x), []engine.Tensor{tensorOf("x", x), tensorOf("d", d)}
}

func tensorOf(name string, rows [][]float64) engine.Tensor {
	return engine.TensorOf(name, engine.Shape{len(rows), len(rows[0])}, slices.Concat(rows...))
}

// find is the place of a parameter in the vectors.
func (n *network) find(path string) (v engine.Vector[float64], from, to int) {
	n.t.Helper()
	v, ok := engine.Vectors[float64](n.plan.Weights())
	for _, p := range n.plan.Weights().Params() {
		if ok && p.Path == path {
			return v, p.Offset, p.Offset + p.Size()
		}
	}
	n.t.Fatalf("there is no %s in float64", path)
	return
}

// weight is a parameter itself, row-major; who writes it says so by Weights.Changed.
func (n *network) weight(path string) []float64 {
	v, from, to := n.find(path)
	return v.Weight[from:to]
}

// gradient is that by a parameter, of the loss over the rows of the last pass.
func (n *network) gradient(path string) []float64 {
	v, from, to := n.find(path)
	return v.Grad[from:to]
}

// pass goes forward and back and returns the loss.
func (n *network) pass() float64 {
	n.t.Helper()
	sum, err := n.plan.Forward(&n.batch)
	if err == nil {
		err = n.plan.Backward()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.batch.Step++
	return sum.Loss
}

// outputs are the network's answers in the last pass.
func (n *network) outputs() []float64 { return n.plan.Output("y").F64 }

// inputGradient is ∂L/∂x of the last pass.
func (n *network) inputGradient() []float64 { return n.plan.InputGradient("x").F64 }

// trainer returns a function that does one update on the rows shown and returns the loss before it. The loss is the survey's sum over rows:
// nothing divides its gradient.
func (n *network) trainer(o optim.Optimizer) func() float64 {
	n.t.Helper()
	s, err := o.Bind(n.plan.Weights(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	moment := &optim.Moment{}
	return func() float64 {
		moment.Sum = engine.Sum{Loss: n.pass(), Weight: 1}
		if err := s.Step(moment); err != nil {
			n.t.Fatal(err)
		}
		moment.Progress.Step++
		return moment.Sum.Loss
	}
}

// walk lets an optimizer move weights outside any network and returns them before the first step and after each. Gradient writes to g; steps
// count from 0.
func walk(t testing.TB, o optim.Optimizer, start []float64, steps int, gradient func(step int, w, g []float64)) [][]float64 {
	t.Helper()
	weights, err := optimtest.Weights(engine.Float64, engine.Param{Path: "w", Shape: engine.Shape{len(start)}})
	if err != nil {
		t.Fatal(err)
	}
	stepper, err := o.Bind(weights, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := engine.Vectors[float64](weights)
	from := weights.Params()[0].Offset
	w, g := v.Weight[from:from+len(start)], v.Grad[from:from+len(start)]
	copy(w, start)
	way := [][]float64{slices.Clone(w)}
	for n := range steps {
		gradient(n, w, g)
		if err := stepper.Step(&optim.Moment{Progress: optim.Progress{Step: n, Epoch: float64(n)}, Sum: engine.Sum{Weight: 1}}); err != nil {
			t.Fatal(err)
		}
		way = append(way, slices.Clone(w))
	}
	return way
}

// at is a rule with a rate and nothing else.
func at(rate float64, r optim.Rule) optim.Optimizer {
	return optim.Optimizer{Rule: r, LR: optim.Constant(rate)}
}

// noise is a source of numbers that are the same everywhere.
type noise struct {
	r engine.Rand
	n int
}

func newNoise(purpose string) *noise { return &noise{r: engine.NewRand(1, purpose)} }

func (s *noise) uniform() float64 { s.n++; return s.r.At(0, s.n) }
func (s *noise) normal() float64  { s.n++; return s.r.Normal(1, s.n) }

// table is rows of normal numbers.
func (s *noise) table(rows, columns int) [][]float64 {
	x := make([][]float64, rows)
	for i := range x {
		x[i] = make([]float64, columns)
		for j := range x[i] {
			x[i][j] = s.normal()
		}
	}
	return x
}

// near fails unless got is want to tolerance, of the larger of 1 and |want|.
func near(t testing.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// patterns are all rows of so many bits.
func patterns(width int) [][]float64 {
	x := make([][]float64, 1<<width)
	for p := range x {
		x[p] = make([]float64, width)
		for i := range width {
			x[p][i] = float64(p >> i & 1)
		}
	}
	return x
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// byHand is a network of dense layers with sigmoids as the survey writes it, one row at a time: w[l][j][i] is the weight from unit i to unit
// j of the layer above, with the bias as the last i, whose y is 1.
type byHand struct {
	w [][][]float64
}

// handOf reads the weights of a sequence of dense layers.
func handOf(n *network, layers int) byHand {
	var h byHand
	for l := range layers {
		weight, bias := n.weight(fmt.Sprintf("dense%d/weight", l+1)), n.weight(fmt.Sprintf("dense%d/bias", l+1))
		units, inputs := len(bias), len(weight)/len(bias)
		layer := make([][]float64, units)
		for j := range layer {
			layer[j] = append(slices.Clone(weight[j*inputs:(j+1)*inputs]), bias[j])
		}
		h.w = append(h.w, layer)
	}
	return h
}

// pass computes the loss of a row, adds ∂L/∂w to gw, which has the shape of w, and returns ∂L/∂y of the inputs.
func (h byHand) pass(row, d []float64, gw [][][]float64) (loss float64, gy []float64) {
	y := [][]float64{row}
	for _, layer := range h.w {
		below := y[len(y)-1]
		above := make([]float64, len(layer))
		for j := range layer {
			x := layer[j][len(below)] * 1
			for i := range below {
				x += below[i] * layer[j][i]
			}
			above[j] = sigmoid(x)
		}
		y = append(y, above)
	}
	out := y[len(y)-1]
	gy = make([]float64, len(out))
	for j := range out {
		loss += (out[j] - d[j]) * (out[j] - d[j]) / 2
		gy[j] = out[j] - d[j]
	}
	for l := len(h.w) - 1; l >= 0; l-- {
		below := make([]float64, len(y[l]))
		for j := range h.w[l] {
			gx := gy[j] * y[l+1][j] * (1 - y[l+1][j])
			for i := range y[l] {
				gw[l][j][i] += gx * y[l][i]
				below[i] += gx * h.w[l][j][i]
			}
			gw[l][j][len(y[l])] += gx
		}
		gy = below
	}
	return loss, gy
}

// zeros has the shape of the weights.
func (h byHand) zeros() [][][]float64 {
	var z [][][]float64
	for _, layer := range h.w {
		var units [][]float64
		for _, unit := range layer {
			units = append(units, make([]float64, len(unit)))
		}
		z = append(z, units)
	}
	return z
}

func TestSurveyBackPropagation(t *testing.T) {
	s := newNoise("section 2")
	x, d := s.table(7, 5), s.table(7, 3)
	start := nn.Uniform{Low: -1, High: 1}
	none := make([]float64, 3)

	t.Run("the total input x_j to unit j is a linear function of the output of units", func(t *testing.T) {
		n := bind(t, nn.Dense{Units: 3, NoBias: true}, nil, x, d, start, 1)
		n.pass()
		w := n.weight("weight")
		var want []float64
		for _, y := range x {
			for j := range 3 {
				sum := 0.0
				for i := range y {
					sum += y[i] * w[j*5+i]
				}
				want = append(want, sum)
			}
		}
		near(t, "x_j", n.outputs(), want, 1e-14)
	})

	t.Run("erratum: of the output of units at the level above unit j", func(t *testing.T) {
		// The input layer is at the bottom, so it is the level below: what changes in a layer changes those after it and none before.
		g := engine.NewGraph()
		v := g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{5}}})
		for l := range 3 {
			v = nn.Named{Name: fmt.Sprintf("level%d", l), Layer: nn.Sequence{nn.Dense{Units: 4}, nn.Sigmoid{}}}.Build(g, v)
		}
		plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 7, Forward: true})
		if err != nil {
			t.Fatal(err)
		}
		levels := func() (y [3][]float64) {
			if _, err := plan.Forward(&engine.Batch{Rows: 7, In: []engine.Tensor{tensorOf("x", x)}, Mode: engine.Evaluate}); err != nil {
				t.Fatal(err)
			}
			for l := range y {
				y[l] = slices.Clone(plan.Output(fmt.Sprintf("level%d", l)).F64)
			}
			return y
		}
		before := levels()
		for _, p := range plan.Weights().Params() {
			if strings.HasPrefix(p.Path, "level1/") {
				v, _ := engine.Vectors[float64](plan.Weights())
				v.Weight[p.Offset]++
			}
		}
		plan.Weights().Changed()
		for l, y := range levels() {
			if changed := !slices.Equal(y, before[l]); changed != (l >= 1) {
				t.Errorf("level %d changed: %v, after a weight between levels 0 and 1 has", l, changed)
			}
		}
	})

	t.Run("add bias by introducing a constant 1 as input; treated like any other weight", func(t *testing.T) {
		layers := func(noBias bool) nn.Layer { return nn.Sequence{nn.Dense{Units: 3, NoBias: noBias}, nn.Sigmoid{}} }
		biased := bind(t, layers(false), nil, x, d, start, 1)
		var one [][]float64
		for _, r := range x {
			one = append(one, append(slices.Clone(r), 1))
		}
		plain := bind(t, layers(true), nil, one, d, nil, 1)
		w := plain.weight("dense1/weight")
		for j := range 3 {
			copy(w[j*6:], biased.weight("dense1/weight")[j*5:(j+1)*5])
			w[j*6+5] = biased.weight("dense1/bias")[j]
		}
		plain.plan.Weights().Changed()
		stepBiased, stepPlain := biased.trainer(at(0.1, optim.Momentum{Mu: 0.9})), plain.trainer(at(0.1, optim.Momentum{Mu: 0.9}))
		for range 20 {
			near(t, "loss", []float64{stepPlain()}, []float64{stepBiased()}, 1e-13)
		}
		for j := range 3 {
			near(t, "weights", w[j*6:j*6+5], biased.weight("dense1/weight")[j*5:(j+1)*5], 1e-12)
			near(t, "bias", w[j*6+5:j*6+6], biased.weight("dense1/bias")[j:j+1], 1e-12)
		}
	})

	t.Run("y_j = (1 + e^(-x_j))^-1", func(t *testing.T) {
		n := bind(t, nn.Sigmoid{}, nil, [][]float64{{-800, -40, -3, -0.5, 0, 1e-9, 0.5, 3, 40, 800}}, [][]float64{make([]float64, 10)}, nil, 1)
		n.pass()
		var want []float64
		for _, x := range n.batch.In[0].F64 {
			want = append(want, sigmoid(x))
		}
		near(t, "y", n.outputs(), want, 1e-15)
	})

	t.Run("it could have been any other function", func(t *testing.T) {
		for _, f := range []nn.Layer{nn.Tanh{}, nn.Softsign{}, nn.Softplus{}, nn.GELU{}, nn.ELU{Alpha: 1}} {
			n := bind(t, nn.Sequence{nn.Dense{Units: 4}, f, nn.Dense{Units: 3}, f}, nil, x, d, start, 1)
			n.pass()
			path := "dense1/weight"
			w, g := n.weight(path), slices.Clone(n.gradient(path))
			var want []float64
			for i := range w { // the difference quotient
				const h = 1e-5
				loss := func(v float64) float64 {
					w[i] = v
					n.plan.Weights().Changed()
					return n.pass()
				}
				old := w[i]
				above, below := loss(old+h), loss(old-h)
				loss(old)
				want = append(want, (above-below)/(2*h))
			}
			near(t, nn.Kind(f), g, want, 1e-7)
		}
	})

	t.Run("L = ½ Σ_c Σ_j (y_jc - d_jc)²", func(t *testing.T) {
		n := bind(t, nn.Sequence{nn.Dense{Units: 3}, nn.Sigmoid{}}, nil, x, d, start, 1)
		loss := n.pass()
		want := 0.0
		for c := range d {
			for j := range d[c] {
				e := n.outputs()[c*3+j] - d[c][j]
				want += e * e / 2
			}
		}
		near(t, "L", []float64{loss}, []float64{want}, 1e-14)
	})

	t.Run("∂L by ∂y_j is y_j - d_j", func(t *testing.T) {
		n := bind(t, nn.Identity{}, nil, d[:4], d[3:], nil, 1)
		n.pass()
		var want []float64
		for c := range 4 {
			for j := range 3 {
				want = append(want, d[c][j]-d[3+c][j])
			}
		}
		near(t, "dL/dy", n.inputGradient(), want, 1e-15)
	})

	t.Run("erratum: ∂L by ∂y_j is of one sample, and weights sum over c", func(t *testing.T) {
		// The formula has lost its index c: each sample has a derivative of its own, to which the others are nothing, and ∂L/∂w is the sum
		// over the samples' derivatives.
		layers := nn.Sequence{nn.Dense{Units: 3}, nn.Sigmoid{}, nn.Dense{Units: 3}, nn.Sigmoid{}}
		n := bind(t, layers, nil, x, d, start, 1)
		n.pass()
		whole, wholeInput := slices.Clone(n.gradient("dense1/weight")), slices.Clone(n.inputGradient())
		sum := make([]float64, len(whole))
		for c := range x {
			n.show(x[c:c+1], d[c:c+1])
			n.pass()
			for i, g := range n.gradient("dense1/weight") {
				sum[i] += g
			}
			near(t, "a sample's own", n.inputGradient()[:5], wholeInput[c*5:(c+1)*5], 1e-14)
		}
		near(t, "sum over c", whole, sum, 1e-13)
	})

	t.Run("∂L by ∂x_j is ∂L by ∂y_j times y_j (1 - y_j)", func(t *testing.T) {
		n := bind(t, nn.Sigmoid{}, nil, d, [][]float64{none, none, none, none, none, none, none}, nil, 1)
		n.pass()
		var want []float64
		for c := range d {
			for j := range d[c] {
				y := sigmoid(d[c][j])
				want = append(want, (y-0)*y*(1-y))
			}
		}
		near(t, "dL/dx", n.inputGradient(), want, 1e-15)
	})

	t.Run("erratum: squares behind a sigmoid, whose y (1 - y) silences a wrong answer", func(t *testing.T) {
		// A unit that is sure and wrong: d = 1 and x = -20. Cross-entropy, our default for classes, has y - d alone there.
		squares := bind(t, nn.Sigmoid{}, nil, [][]float64{{-20}}, [][]float64{{1}}, nil, 1)
		entropy := bind(t, nn.Identity{}, nn.BinaryCrossEntropy{}, [][]float64{{-20}}, [][]float64{{1}}, nil, 1)
		squares.pass()
		entropy.pass()
		if g := squares.inputGradient()[0]; math.Abs(g) > 1e-8 {
			t.Errorf("squares: %v", g)
		}
		near(t, "cross-entropy", entropy.inputGradient(), []float64{sigmoid(-20) - 1}, 1e-15)
	})

	t.Run("∂L by ∂w_ji is ∂L by ∂x_j times y_i, and ∂L by ∂y_i is Σ_j of ∂L by ∂x_j times w_ji", func(t *testing.T) {
		n := bind(t, nn.Dense{Units: 3, NoBias: true}, nil, x, d, start, 1)
		n.pass()
		w, out := n.weight("weight"), n.outputs()
		gw, gy := make([]float64, 15), make([]float64, 35)
		for c := range x {
			for j := range 3 {
				gx := out[c*3+j] - d[c][j]
				for i := range 5 {
					gw[j*5+i] += gx * x[c][i]
					gy[c*5+i] += gx * w[j*5+i]
				}
			}
		}
		near(t, "dL/dw", n.gradient("weight"), gw, 1e-13)
		near(t, "dL/dy_i", n.inputGradient(), gy, 1e-13)
	})

	t.Run("we can repeat this process for any number of layers (erratum: backward, where the survey has forward)", func(t *testing.T) {
		for depth := 1; depth <= 8; depth++ {
			var layers nn.Sequence
			for l := range depth - 1 {
				layers = append(layers, nn.Dense{Units: 3 + (l*5)%4}, nn.Sigmoid{})
			}
			layers = append(layers, nn.Dense{Units: 3}, nn.Sigmoid{})
			n := bind(t, layers, nil, x, d, nn.Uniform{Low: -3, High: 3}, uint64(depth))
			h := handOf(n, depth)
			gw, loss, gy := h.zeros(), 0.0, []float64(nil)
			for c := range x {
				l, g := h.pass(x[c], d[c], gw)
				loss, gy = loss+l, append(gy, g...)
			}
			near(t, "L", []float64{n.pass()}, []float64{loss}, 1e-13)
			near(t, "dL/dy of the inputs", n.inputGradient(), gy, 1e-13)
			for l := range gw {
				var weight, bias []float64
				for _, unit := range gw[l] {
					weight, bias = append(weight, unit[:len(unit)-1]...), append(bias, unit[len(unit)-1])
				}
				near(t, fmt.Sprintf("depth %d, layer %d", depth, l+1), n.gradient(fmt.Sprintf("dense%d/weight", l+1)), weight, 1e-13)
				near(t, fmt.Sprintf("depth %d, biases of layer %d", depth, l+1), n.gradient(fmt.Sprintf("dense%d/bias", l+1)), bias, 1e-13)
			}
		}
	})

	t.Run("a set of weights that will ensure that for each input vector the output is close to the desired one", func(t *testing.T) {
		// Parity of two bits, which no network without a hidden layer computes.
		var d [][]float64
		for p := range 4 {
			d = append(d, []float64{float64(bits.OnesCount(uint(p)) % 2)})
		}
		n := bind(t, nn.Sequence{nn.Dense{Units: 4}, nn.Sigmoid{}, nn.Dense{Units: 1}, nn.Sigmoid{}}, nil, patterns(2), d, start, 1)
		step := n.trainer(at(0.5, optim.Momentum{Mu: 0.9, Survey: true}))
		for range 3000 {
			step()
		}
		near(t, "outputs", n.outputs(), slices.Concat(d...), 0.1)
		hiddenless := bind(t, nn.Sequence{nn.Dense{Units: 1}, nn.Sigmoid{}}, nil, patterns(2), d, start, 1)
		step = hiddenless.trainer(at(0.5, optim.Momentum{Mu: 0.9, Survey: true}))
		for range 3000 {
			step()
		}
		near(t, "without a hidden layer", hiddenless.outputs(), []float64{0.5, 0.5, 0.5, 0.5}, 0.01)
	})
}

// docs/survey.md says where each statement is tested: the tests that it names must exist, and every erratum must have its row.
func TestSurveyTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "survey.md"))
	if err != nil {
		t.Fatal(err)
	}
	references := regexp.MustCompile("`([\\w./-]+\\.go)(?::(\\w+))?`").FindAllStringSubmatch(string(text), -1)
	if len(references) < 30 {
		t.Errorf("docs/survey.md names %d places in the code: nothing much was checked", len(references))
	}
	for _, r := range references {
		names, err := declarations(r[1])
		if err != nil {
			t.Errorf("docs/survey.md: %v", err)
		} else if r[2] != "" && !names[r[2]] {
			t.Errorf("docs/survey.md: %s has no %s", r[1], r[2])
		}
	}
	for i := 1; i <= 30; i++ {
		if !strings.Contains(string(text), fmt.Sprintf("\n| E%d |", i)) {
			t.Errorf("docs/survey.md has no row for erratum E%d", i)
		}
	}
}
