package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// build4 is a graph of a layer over an input x of four numbers, beside which there are others for Get; the target is a class of three.
func build4(l Layer) (*engine.Graph, engine.Value) {
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: vector(4)})
	g.Input(engine.Field{Name: "i", Type: indices(5, 2)})
	g.Input(engine.Field{Name: "picture", Type: vector(1, 2, 2)})
	g.Input(engine.Field{Name: "number", Type: vector()})
	g.Input(engine.Field{Name: "class", Type: class(3), Use: engine.Target})
	return g, l.Build(g, x)
}

func paramPaths(g *engine.Graph) []string {
	var paths []string
	for _, n := range g.Nodes() {
		if n.IsParam() {
			paths = append(paths, n.Path)
		}
	}
	return paths
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		name  string
		layer Layer
		want  []string
	}{
		{"numbered among their kind", Sequence{Dense{Units: 3}, ReLU{}, Dense{Units: 2, NoBias: true}},
			[]string{"dense1/weight", "dense1/bias", "dense2/weight"}},
		{"nested", Sequence{Dense{Units: 4}, Sequence{PReLU{}, Dense{Units: 4, NoBias: true}}, NewLayerNorm()},
			[]string{"dense1/weight", "dense1/bias", "sequence1/prelu1/slope", "sequence1/dense1/weight", "layernorm1/scale", "layernorm1/shift"}},
		{"residual", Sequence{Residual{Body: Sequence{Dense{Units: 4, NoBias: true}, ReLU{}, Dense{Units: 2, NoBias: true}}, Shortcut: Dense{Units: 2, NoBias: true}}},
			[]string{"residual1/body/dense1/weight", "residual1/body/dense2/weight", "residual1/shortcut/weight"}},
		{"branches", Sequence{Add{[]Layer{Dense{Units: 2, NoBias: true}, Sequence{Dense{Units: 2, NoBias: true}}}}},
			[]string{"add1/branch1/weight", "add1/branch2/dense1/weight"}},
		{"concatenated branches", Concatenate{[]Layer{Dense{Units: 2, NoBias: true}, Dense{Units: 5, NoBias: true}}},
			[]string{"branch1/weight", "branch2/weight"}},
		{"named", Sequence{Named{"trunk", Sequence{Dense{Units: 3, NoBias: true}}}, Dense{Units: 2, NoBias: true}},
			[]string{"trunk/dense1/weight", "dense1/weight"}},
		{"shared", Sequence{Shared{"twice", Dense{Units: 4}}, Sequence{Shared{"twice", Dense{Units: 4}}}},
			[]string{"twice/weight", "twice/bias"}},
		{"embedding", Sequence{Get("i"), Embedding{Width: 3}},
			[]string{"embedding1/weight"}},
		{"mlp", Sequence{MLP{Units: []int{5}, BatchNorm: true}},
			[]string{"mlp1/dense1/weight", "mlp1/dense1/bias", "mlp1/batchnorm1/scale", "mlp1/batchnorm1/shift", "mlp1/dense2/weight", "mlp1/dense2/bias"}},
	} {
		g, _ := build4(c.layer)
		if err := g.Err(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := paramPaths(g); !slices.Equal(got, c.want) {
			t.Errorf("%s: parameters %v, want %v", c.name, got, c.want)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		name  string
		layer Layer
		want  engine.Shape
	}{
		{"empty sequence", Sequence{}, engine.Shape{4}},
		{"identity", Identity{}, engine.Shape{4}},
		{"reshape", Reshape{[]int{2, 1, 2}}, engine.Shape{2, 1, 2}},
		{"reshape to what is left", Reshape{[]int{-1, 2}}, engine.Shape{2, 2}},
		{"flatten", Sequence{Get("picture"), Flatten{}}, engine.Shape{4}},
		{"dense of a picture", Sequence{Get("picture"), Dense{Units: 3}}, engine.Shape{3}},
		{"embedding", Sequence{Get("i"), Embedding{Width: 3}}, engine.Shape{2, 3}},
		{"embedding beside numbers", Concatenate{[]Layer{Get("x"), Sequence{Get("i"), Embedding{Width: 3}, Flatten{}}}}, engine.Shape{10}},
		{"layernorm of a picture", Sequence{Get("picture"), NewLayerNorm()}, engine.Shape{1, 2, 2}},
		{"prelu of a picture", Sequence{Get("picture"), PReLU{}}, engine.Shape{1, 2, 2}},
		{"mlp takes its outputs from the target", MLP{Units: []int{8}}, engine.Shape{3}},
		{"batchnorm of a number", Sequence{Get("number"), NewBatchNorm()}, engine.Shape{1}},
		{"layernorm of a number", Sequence{Get("number"), NewLayerNorm()}, nil},
		{"layernorm over the last axis of a number", Sequence{Get("number"), LayerNorm{true, 1e-5}}, nil},
		{"prelu of a number", Sequence{Get("number"), PReLU{}}, nil},
		{"reshape of a number", Sequence{Get("number"), Reshape{[]int{1, -1}}}, engine.Shape{1, 1}},
		{"reshape to a number", Sequence{Get("number"), Reshape{[]int{1, -1}}, Reshape{}}, nil},
		{"residual with a shortcut", Residual{Body: Dense{Units: 2}, Shortcut: Dense{Units: 2}}, engine.Shape{2}},
	} {
		g, v := build4(c.layer)
		if err := g.Err(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := g.Type(v).Shape; !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// run computes a layer's result for the rows of x, four numbers each.
func run(t *testing.T, l Layer, x ...float64) []float64 {
	t.Helper()
	g := engine.NewGraph()
	g.Output("result", l.Build(g, g.Input(engine.Field{Name: "x", Type: vector(4)})))
	p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: len(x) / 4, Seed: 3, Forward: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{{F64: x}}, Rows: len(x) / 4, Mode: engine.Evaluate}); err != nil {
		t.Fatal(err)
	}
	return p.Output("result").F64
}

func TestComposedLayersCompute(t *testing.T) {
	half := Scale{0.5}
	for _, c := range []struct {
		name  string
		layer Layer
		want  []float64
	}{
		{"residual", Residual{Body: half}, []float64{1.5, -3, 4.5, 6}},
		{"residual with a shortcut", Residual{Body: half, Shortcut: ReLU{}}, []float64{1.5, -1, 4.5, 6}},
		{"add", Add{[]Layer{Identity{}, half, half}}, []float64{2, -4, 6, 8}},
		{"multiply", Multiply{[]Layer{Identity{}, half}}, []float64{0.5, 2, 4.5, 8}},
		{"concatenate", Concatenate{[]Layer{half, Identity{}}}, []float64{0.5, -1, 1.5, 2, 1, -2, 3, 4}},
		{"get of an input", Sequence{half, Add{[]Layer{Identity{}, Get("x")}}}, []float64{1.5, -3, 4.5, 6}},
		{"get of a named layer", Sequence{Named{"h", half}, ReLU{}, Add{[]Layer{Identity{}, Get("h")}}}, []float64{1, -1, 3, 4}},
		{"shared", Sequence{Shared{"s", Dense{Units: 4, Init: Constant(0.5)}}, Shared{"s", Dense{Units: 4, Init: Constant(0.5)}}}, []float64{6, 6, 6, 6}},
		{"get of a shared parameter", Sequence{Shared{"s", Dense{Units: 4, Init: Constant(0.5)}}, Add{[]Layer{Identity{}, Get("s/bias")}}}, []float64{3, 3, 3, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.layer, 1, -2, 3, 4); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Two layers shared under one name have one gradient: the sum of both uses.
func TestSharedGradientIsTheSum(t *testing.T) {
	gradient := func(l Layer) map[string][]float64 {
		g := engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: vector(2)})
		loss := HalfSquares{}.Build(g, l.Build(g, x), g.Input(engine.Field{Name: "d", Type: vector(2)}))
		g.Objective(loss, engine.Value{})
		p, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Rows: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Forward(&engine.Batch{In: []engine.Tensor{{F64: []float64{1, 2}}, {F64: []float64{0, 0}}}, Rows: 1}); err != nil {
			t.Fatal(err)
		}
		if err := p.Backward(); err != nil {
			t.Fatal(err)
		}
		m := map[string][]float64{}
		for _, w := range p.Weights().Gradients() {
			m[w.Name] = w.F64
		}
		return m
	}
	dense := Dense{Units: 2, NoBias: true, Init: Constant(0.5)}
	shared := gradient(Sequence{Shared{"s", dense}, Shared{"s", dense}})
	apart := gradient(Sequence{dense, dense})
	for i, v := range shared["s/weight"] {
		if want := apart["dense1/weight"][i] + apart["dense2/weight"][i]; v != want || v == 0 {
			t.Errorf("element %d: %v, want %v", i, v, want)
		}
	}
}

// A mistake names the layer, what was found, and what is wanted.
func TestErrorsNamePlaceFoundAndWanted(t *testing.T) {
	for _, c := range []struct {
		name  string
		layer Layer
		want  []string
	}{
		{"residual of another shape", Sequence{ReLU{}, Residual{Body: Dense{Units: 3}}}, []string{`"residual1"`, "is 3", "is 4"}},
		{"residual without a body", Sequence{Residual{}}, []string{`"residual1"`, "no body"}},
		{"branches of several shapes", Sequence{Sequence{Add{[]Layer{Dense{Units: 2}, Dense{Units: 5}}}}}, []string{`"sequence1/add1"`, "is 2", "is 5"}},
		{"product of several shapes", Multiply{[]Layer{Dense{Units: 2}, Get("picture")}}, []string{"is 2", "is 1x2x2"}},
		{"pictures of several sizes", Concatenate{[]Layer{Get("picture"), Reshape{[]int{1, 4, 1}}}}, []string{"1x2x2", "1x4x1", "first axis"}},
		{"shared with two shapes", Sequence{Shared{"s", Dense{Units: 3}}, Shared{"s", Dense{Units: 3}}}, []string{`"s"`, "3x3", "3x4"}},
		{"shared without a name", Shared{"", ReLU{}}, []string{"name is wanted"}},
		{"shared nothing", Shared{Name: "s"}, []string{`shared "s"`, "no layer"}},
		{"named twice", Sequence{Named{"a", ReLU{}}, Named{"a", ReLU{}}}, []string{`"a"`, "exists already"}},
		{"named nothing", Named{Name: "a"}, []string{`named "a"`, "no layer"}},
		{"a layer for itself and shared", Sequence{Named{"a", Dense{Units: 4}}, Named{"a", Dense{Units: 4}}}, []string{"a/weight", "exists already", "nn.Shared"}},
		{"get of nothing", Sequence{Sequence{Get("xx")}}, []string{`"sequence1"`, `"xx"`, "picture"}},
		{"nil layer", Sequence{ReLU{}, nil}, []string{"layer 2 is nil"}},
		{"nil branch", Sequence{Add{[]Layer{ReLU{}, nil}}}, []string{`"add1"`, "branch 2 is nil"}},
		{"biases of none", Sequence{Dense{Units: 2, NoBias: true, BiasInit: Constant(1)}}, []string{`"dense1"`, "bias_init", "no_bias"}},
		{"units", Sequence{Dense{}}, []string{`"dense1"`, "units is 0", "at least 1"}},
		{"units of a hidden layer", MLP{Units: []int{4, -1}}, []string{"layer 2", "-1 units"}},
		{"index into dense", Sequence{Get("i"), Dense{Units: 2}}, []string{`"dense1"`, "index below 5", "embedding"}},
		{"index into an activation", Sequence{Get("i"), SiLU{}}, []string{`"silu1"`, "index"}},
		{"numbers into an embedding", Sequence{Embedding{Width: 2}}, []string{`"embedding1"`, "is 4", "index"}},
		{"embedding without width", Sequence{Get("i"), Embedding{}}, []string{`"embedding1"`, "width is 0"}},
		{"reshape", Sequence{Reshape{[]int{3, 2}}}, []string{`"reshape1"`, "4 has 4", "3x2 has 6"}},
		{"reshape that leaves a rest", Sequence{Reshape{[]int{3, -1}}}, []string{`"reshape1"`, "4 elements", "[3 -1]"}},
		{"reshape with two open sides", Sequence{Reshape{[]int{-1, -1}}}, []string{`"reshape1"`, "two dimensions"}},
		{"reshape to zero", Sequence{Reshape{[]int{0, 4}}}, []string{`"reshape1"`, "dimension 1 is 0"}},
		{"reshape that overflows", Sequence{Reshape{[]int{1 << 40, 1 << 40, -1}}}, []string{`"reshape1"`}},
		{"layernorm", Sequence{LayerNorm{}}, []string{`"layernorm1"`, "epsilon is 0", "NewLayerNorm"}},
		{"batchnorm", Sequence{BatchNorm{}}, []string{`"batchnorm1"`, "momentum 0", "NewBatchNorm"}},
		{"dropout", Sequence{Dropout{1}}, []string{`"dropout1"`, "rate is 1", "rate < 1"}},
		{"elu", Sequence{ELU{}}, []string{`"elu1"`, "alpha is 0", "above 0"}},
		{"celu without alpha", Sequence{CELU{}}, []string{`"celu1"`, "alpha is 0"}},
		{"leaky relu", Sequence{LeakyReLU{math.NaN()}}, []string{`"leaky_relu1"`, "NaN"}},
		{"scale", Sequence{Scale{math.Inf(-1)}}, []string{`"scale1"`, "-Inf"}},
		{"celu", Sequence{CELU{-1}}, []string{`"celu1"`, "alpha is -1", "above 0"}},
	} {
		g, _ := build4(c.layer)
		wantError(t, c.name, g.Err(), c.want)
	}
}

func wantError(t *testing.T, name string, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: error %q lacks %q", name, err, w)
		}
	}
}

// Operations say which shapes they were given and which they want.
func TestOperationsRefuseTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		op   engine.Op
		in   []engine.Type
		want []string
	}{
		{"scale of another shape", LayerNormOp{1}, []engine.Type{vector(2, 3), fixed(2), fixed(2)}, []string{"scale is 2", "input 2x3"}},
		{"scale of one number", LayerNormOp{1}, []engine.Type{vector(2, 3), fixed(), fixed()}, []string{"scale is scalar", "input 2x3"}},
		{"shift of another shape", LayerNormOp{1}, []engine.Type{vector(2, 3), fixed(3), fixed(2, 3)}, []string{"shift is 2x3", "scale 3"}},
		{"scale with rows", LayerNormOp{1}, []engine.Type{vector(3), vector(3), fixed(3)}, []string{"parameter"}},
		{"slopes for other channels", PReLUOp{}, []engine.Type{vector(2, 3), fixed(3)}, []string{"slope is 3", "input 2x3"}},
		{"slope of a matrix", PReLUOp{}, []engine.Type{vector(2, 3), fixed(2, 3)}, []string{"slope is 2x3"}},
		{"a table of another size", EmbeddingOp{}, []engine.Type{indices(5, 2), fixed(4, 3)}, []string{"table is 4x3", "index below 5", "5 vectors"}},
		{"a table with rows", EmbeddingOp{}, []engine.Type{indices(5, 2), vector(5, 3)}, []string{"table is 5x3"}},
		{"numbers for indices", EmbeddingOp{}, []engine.Type{vector(2), fixed(5, 3)}, []string{"input is 2", "indices"}},
		{"bias of another size", DenseOp{}, []engine.Type{vector(4), fixed(3, 4), fixed(4)}, []string{"bias is 4", "weight 3x4"}},
		{"weight of another size", DenseOp{}, []engine.Type{vector(2, 4), fixed(3, 4)}, []string{"input is 2x4", "weight 3x4"}},
	} {
		_, err := c.op.Type(c.in)
		wantError(t, c.name, err, c.want)
	}
}

func TestLossErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		loss   Layer
		target engine.Type
		want   []string
	}{
		{"other classes", CrossEntropy{}, class(3), []string{"output is 4", "3 classes"}},
		{"a number for a class", CrossEntropy{}, vector(1), []string{"target is 1", "one class a row", "mean_squares"}},
		{"class weights", CrossEntropy{ClassWeights: []float64{1, 2}}, class(4), []string{"2 class weights", "4 classes"}},
		{"negative class weight", CrossEntropy{ClassWeights: []float64{1, 2, -3, 1}}, class(4), []string{"class 2 is -3"}},
		{"smoothing", CrossEntropy{LabelSmoothing: 1}, class(4), []string{"smoothing is 1", "< 1"}},
		{"smoothing of a distribution", CrossEntropy{LabelSmoothing: -1}, vector(4), []string{"smoothing is -1"}},
		{"squares", MeanSquares{}, vector(3), []string{"output is 4", "target 3"}},
		{"absolute", MeanAbsolute{}, class(5), []string{"output is 4", "index below 5"}},
		{"huber", Huber{}, vector(4), []string{"delta is 0", "above 0"}},
		{"hinge", Hinge{}, class(4), []string{"margin is 0", "above 0"}},
		{"hinge of numbers", Hinge{1}, vector(4), []string{"target is 4", "class"}},
		{"one of two against four", BinaryCrossEntropy{}, class(2), []string{"output is 4", "index below 2"}},
		{"positive weight", BinaryCrossEntropy{-1}, vector(4), []string{"weight is -1"}},
	} {
		g := engine.NewGraph()
		c.loss.Build(g.In("loss"), g.Input(engine.Field{Name: "x", Type: vector(4)}), g.Input(engine.Field{Name: "d", Type: c.target, Use: engine.Target}))
		wantError(t, c.name, g.Err(), append(c.want, `"loss"`))
	}
	for _, e := range losses.Entries() {
		g := engine.NewGraph()
		e.Prototype.(Layer).Build(g, g.Input(engine.Field{Name: "x", Type: vector(4)}))
		wantError(t, e.Name+" without a target", g.Err(), []string{"1 inputs", "target"})
	}
}

// Inputs too many or none are an error of every layer that wants one, and a panic of none.
func TestLayersWantOneInput(t *testing.T) {
	joins := []string{"sequence", "mlp", "add", "multiply", "concatenate", "get"}
	for _, e := range layers.Entries() {
		layer, ok := examples[e.Name]
		if !ok {
			layer = e.Prototype.(Layer)
		}
		g := engine.NewGraph()
		layer.Build(g)
		if g.Err() == nil {
			t.Errorf("%s builds without an input", e.Name)
		}
		g = engine.NewGraph()
		x := g.Input(engine.Field{Name: "x", Type: vector(4)})
		layer.Build(g, x, x)
		if g.Err() == nil && !slices.Contains(joins, e.Name) {
			t.Errorf("%s builds with two inputs", e.Name)
		}
		layer.Build(engine.NewGraph(), x) // a value of another graph
	}
}

func TestTextErrorsNameTheNearest(t *testing.T) {
	for text, want := range map[string][]string{
		"denze(3)":                          {`"denze"`, "dense"},
		"sequence(dense(3), leakyrelu)":     {"leaky_relu"},
		"dense(3, unit=4)":                  {"unit", "units"},
		"dense(3, init=ortogonal)":          {"ortogonal", "orthogonal"},
		"dense(0)":                          {"units", ">= 1"},
		"dense":                             {"units"},
		"dropout(1)":                        {"rate", "[0, 1)"},
		"celu(0)":                           {"alpha", "> 0"},
		"reshape(2, -2)":                    {"shape", ">= -1"},
		"mlp(8, activation=dense(3, bias))": {"found"},
	} {
		_, err := Parse("test", text)
		wantError(t, text, err, want)
	}
}

func TestRegister(t *testing.T) {
	for name, c := range map[string]struct {
		prototype any
		want      string
	}{
		"dense":    {ReLU{}, "taken"},
		"swish":    {ReLU{}, "taken"},
		"Mine":     {ReLU{}, "lower-case"},
		"neither":  {3, "neither a layer"},
		"no_layer": {nil, "neither a layer"},
		"glorot":   {Glorot{}, "taken"},
	} {
		wantError(t, name, Register(name, c.prototype), []string{c.want, name})
	}
	wantError(t, "loss", RegisterLoss("mse", MeanSquares{}), []string{"taken"})
	wantError(t, "nil loss", RegisterLoss("nothing", nil), []string{"nothing"})
}

// The start of a hidden layer's weights follows its activation.
func TestMLPStartsByActivation(t *testing.T) {
	for _, c := range []struct {
		activation Layer
		want       engine.Init
	}{
		{nil, He{}}, {ReLU{}, He{}}, {Tanh{}, nil}, {Sigmoid{}, nil}, {SELU{}, LeCun{}}, {GELU{}, He{}},
		{LeakyReLU{1}, He{Gain: 0.7071067811865475}}, {PReLU{Init: Constant(0)}, He{Gain: 1}},
	} {
		g, _ := build4(Identity{})
		s, err := MLP{Units: []int{8}, Activation: c.activation}.layers(g)
		if err != nil {
			t.Fatal(err)
		}
		if got := s[0].(Dense).Init; got != c.want {
			t.Errorf("before %T: %#v, want %#v", c.activation, got, c.want)
		}
		if last := s[len(s)-1].(Dense); last.Init != nil || !last.Head {
			t.Errorf("the last layer is %#v", last)
		}
	}
}
