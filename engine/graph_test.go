package engine_test

import (
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// odd is an operation with a result type, and a body, that a test chooses.
type odd struct {
	Result engine.Type
	Err    error
	Traits engine.Traits
	Bodies engine.Code
}

func (o odd) Type([]engine.Type) (engine.Type, error)           { return o.Result, o.Err }
func (o odd) Code([]engine.Type, engine.Conditions) engine.Code { return o.Bodies }

type oddBody struct{ traits engine.Traits }

func (b oddBody) Traits() engine.Traits          { return b.traits }
func (b oddBody) Forward(*engine.Step[float32])  {}
func (b oddBody) Backward(*engine.Step[float32]) {}

func TestGraphErrors(t *testing.T) {
	var none engine.Value
	number := rowsOf(1)
	x := func(g *engine.Graph) engine.Value { return g.Input(engine.Field{Name: "x", Type: rowsOf(3)}) }
	foreign := x(engine.NewGraph())
	for _, c := range []struct {
		name  string
		build func(g *engine.Graph)
		want  []string // parts of the message
	}{
		{"scope without name", func(g *engine.Graph) { g.In("") }, []string{`""`}},
		{"scope with slash", func(g *engine.Graph) { g.In("a").In("b/c") }, []string{`layer "a"`, `"b/c"`, "without /"}},
		{"shared without name", func(g *engine.Graph) { g.Shared("") }, []string{"name"}},
		{"input without name", func(g *engine.Graph) { g.Input(engine.Field{Type: number}) }, []string{"a name"}},
		{"input with a zero", func(g *engine.Graph) { g.Input(engine.Field{Name: "x", Type: rowsOf(2, 0)}) }, []string{`"x"`, "2x0"}},
		{"input with a negative", func(g *engine.Graph) { g.Input(engine.Field{Name: "x", Type: rowsOf(2, -1)}) }, []string{`"x"`, "2x-1"}},
		{"input that overflows", func(g *engine.Graph) { g.Input(engine.Field{Name: "x", Type: rowsOf(1<<40, 1<<40)}) }, []string{`"x"`, "overflow"}},
		{"input that is fixed", func(g *engine.Graph) {
			g.Input(engine.Field{Name: "x", Type: engine.Type{Shape: engine.Shape{1}, Fixed: true}})
		}, []string{`"x"`, "fixed"}},
		{"index without bound", func(g *engine.Graph) {
			g.Input(engine.Field{Name: "x", Type: engine.Type{Kind: engine.Index}})
		}, []string{`"x"`, "index below 0", "16777216"}},
		{"index too large", func(g *engine.Graph) {
			g.Input(engine.Field{Name: "x", Type: engine.Type{Kind: engine.Index, Below: 1<<24 + 1}})
		}, []string{"16777217"}},
		{"input twice", func(g *engine.Graph) { x(g); g.In("a").Input(engine.Field{Name: "x", Type: rowsOf(4)}) }, []string{`layer "a"`, `"x"`, "3", "4"}},
		{"parameter without initializer", func(g *engine.Graph) { g.In("a").Param("w", engine.Shape{2}, engine.Weight, nil) }, []string{`"a/w"`, "initializer"}},
		{"parameter with a zero", func(g *engine.Graph) { g.In("a").Param("w", engine.Shape{0}, engine.Weight, normal{}) }, []string{`"a/w"`, "0"}},
		{"parameter without name", func(g *engine.Graph) { g.In("a").Param("", engine.Shape{1}, engine.Weight, normal{}) }, []string{`layer "a"`, "name"}},
		{"parameter twice", func(g *engine.Graph) {
			for range 2 {
				g.In("a").Param("w", engine.Shape{2}, engine.Weight, normal{})
			}
		}, []string{`"a/w"`, "exists already", "share"}},
		{"shared in two shapes", func(g *engine.Graph) {
			g.Shared("a").Param("w", engine.Shape{2}, engine.Weight, normal{})
			g.In("b").Shared("a").Param("w", engine.Shape{3}, engine.Weight, normal{})
		}, []string{`"a/w"`, "3", "2"}},
		{"shared as parameter and state", func(g *engine.Graph) {
			g.Shared("a").Param("w", engine.Shape{2}, engine.Weight, normal{})
			g.Shared("a").State("w", engine.Shape{2}, normal{})
		}, []string{`"a/w"`, "parameter", "state"}},
		{"get what is not there", func(g *engine.Graph) {
			g.Output("y", x(g))
			g.In("a").Param("w", engine.Shape{2}, engine.Weight, normal{})
			g.In("b").Get("z")
		}, []string{`layer "b"`, `"z"`, "a/w, x, y"}},
		{"output of nothing", func(g *engine.Graph) { g.Output("y", none) }, []string{`"y"`}},
		{"output without name", func(g *engine.Graph) { g.Output("", x(g)) }, []string{"no name"}},
		{"output of another graph", func(g *engine.Graph) { x(g); g.Output("y", foreign) }, []string{`"y"`, "this graph"}},
		{"output twice", func(g *engine.Graph) { g.Output("y", x(g)); g.Output("y", x(g)) }, []string{`"y"`, "already"}},
		{"objective of nothing", func(g *engine.Graph) { g.Objective(none, none) }, []string{"loss"}},
		{"objective of three numbers", func(g *engine.Graph) { g.Objective(x(g), none) }, []string{"loss", "3", "one number a row"}},
		{"objective of a parameter", func(g *engine.Graph) {
			g.Objective(g.Param("w", engine.Shape{1}, engine.Weight, normal{}), none)
		}, []string{"loss", "fixed"}},
		{"objective with a long weight", func(g *engine.Graph) {
			g.Objective(g.Input(engine.Field{Name: "loss", Type: number}), x(g))
		}, []string{"weight", "3"}},
		{"objective with a weight of another graph", func(g *engine.Graph) {
			g.Objective(g.Input(engine.Field{Name: "loss", Type: number}), foreign)
		}, []string{"weight", "this graph"}},
		{"reshape", func(g *engine.Graph) { g.In("a").Reshape(x(g), engine.Shape{2, 2}) }, []string{`layer "a"`, "3 has 3", "2x2 has 4"}},
		{"reshape of nothing", func(g *engine.Graph) { g.Reshape(none, engine.Shape{2}) }, []string{"no value"}},
		{"apply nothing", func(g *engine.Graph) { g.In("a").Apply(nil, x(g)) }, []string{`layer "a"`, "no operation"}},
		{"apply to nothing", func(g *engine.Graph) { g.In("a").Apply(scale{}, x(g), none) }, []string{`layer "a"`, "scale", "input 1"}},
		{"apply to another graph's value", func(g *engine.Graph) { g.In("a").Apply(scale{}, x(g), foreign) }, []string{`layer "a"`, "scale", "input 1"}},
		{"refused types", func(g *engine.Graph) {
			a := g.In("a").In("b")
			a.Apply(scale{}, x(g), a.Param("w", engine.Shape{4}, engine.Weight, normal{}))
		}, []string{`layer "a/b"`, "scale", "3", "4"}},
		{"result with a zero", func(g *engine.Graph) { g.In("a").Apply(odd{Result: rowsOf(0)}, x(g)) }, []string{`layer "a"`, "odd", "0"}},
		{"result that overflows", func(g *engine.Graph) { g.In("a").Apply(odd{Result: rowsOf(1<<33, 1<<33)}, x(g)) }, []string{"overflow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := engine.NewGraph()
			c.build(g)
			first := g.Err()
			if first == nil {
				t.Fatal("no error")
			}
			// Whatever is built on top is harmless and leaves the first error.
			v := g.In("later").Apply(scale{}, g.Input(engine.Field{Name: "later", Type: rowsOf(2)}), g.Param("later", engine.Shape{3}, engine.Bias, nil))
			g.Objective(g.Output("later", g.Reshape(g.Get("later"), engine.Shape{7})), v)
			g.State("later", nil, nil)
			_, err := engine.Compile(g, engine.Options{Rows: 1})
			if err != first {
				t.Fatalf("Compile returns %v, the first error was %v", err, first)
			}
			if _, err := engine.Estimate(g, engine.Options{Rows: 1}); err != first {
				t.Fatalf("Estimate returns %v, the first error was %v", err, first)
			}
			contains(t, err, c.want)
		})
	}
}

func contains(t *testing.T, err error, parts []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; one with %q is wanted", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q lacks %q", err, part)
		}
	}
}

func TestSharedParameterIsOne(t *testing.T) {
	g := engine.NewGraph()
	a := g.Shared("embed").Param("w", engine.Shape{2}, engine.Weight, normal{})
	b := g.In("head").Shared("embed").Param("w", engine.Shape{2}, engine.Weight, normal{})
	if a != b || g.Get("embed/w") != a || g.Err() != nil {
		t.Error(a, b, g.Err())
	}
}

func TestInputIsFeatureIfAnyoneReadsItAsOne(t *testing.T) {
	// An autoencoder's data are target and feature, whichever is built first.
	g := engine.NewGraph()
	target := g.Input(engine.Field{Name: "x", Type: rowsOf(2), Use: engine.Target})
	g.Output("y", g.Input(engine.Field{Name: "x", Type: rowsOf(2)}))
	g.Objective(g.Apply(squares{}, g.Get("y"), target), engine.Value{})
	p := compile(t, g, engine.Options{Rows: 1, Forward: true})
	if len(p.Outputs()) != 1 || p.Inputs()[0].Use != engine.Feature {
		t.Errorf("inputs %v, outputs %v", p.Inputs(), p.Outputs())
	}
}

func TestCompileErrors(t *testing.T) {
	weights := func(p engine.Precision) *engine.Weights {
		return compile(t, smallNet(), engine.Options{Rows: 1, Precision: p}).Weights()
	}
	for _, c := range []struct {
		name  string
		build func() *engine.Graph
		o     engine.Options
		want  []string
	}{
		{"no graph", func() *engine.Graph { return nil }, engine.Options{Rows: 1}, []string{"no graph"}},
		{"no rows", smallNet, engine.Options{}, []string{"0 rows", "at least 1"}},
		{"unknown precision", smallNet, engine.Options{Rows: 1, Precision: 9}, []string{"9", "float32, bfloat16 and float64"}},
		{"unknown kernels", smallNet, engine.Options{Rows: 1, Kernels: "abacus"}, []string{`"abacus"`, "portable"}},
		{"empty graph", engine.NewGraph, engine.Options{Rows: 1}, []string{"no output"}},
		{"nothing without targets", func() *engine.Graph {
			g := engine.NewGraph()
			g.Output("y", g.Input(engine.Field{Name: "t", Type: rowsOf(1), Use: engine.Target}))
			return g
		}, engine.Options{Rows: 1, Forward: true}, []string{"targets"}},
		{"frozen that is not there", smallNet, engine.Options{Rows: 1, Frozen: []string{"on"}}, []string{`"on"`, "one/weight, one/scale, two/weight"}},
		{"frozen in given weights", smallNet, engine.Options{Rows: 1, Weights: weights(engine.Float32), Frozen: []string{"one"}}, []string{`"one"`, "one/weight", "given"}},
		{"weights of another precision", smallNet, engine.Options{Rows: 1, Weights: weights(engine.Float64)}, []string{"float32", "float64"}},
		{"weights of another network", func() *engine.Graph {
			g := engine.NewGraph()
			g.Output("y", g.Param("else", engine.Shape{1}, engine.Bias, normal{}))
			return g
		}, engine.Options{Rows: 1, Weights: weights(engine.Float32)}, []string{`"else"`, "another network"}},
		{"weights of another shape", func() *engine.Graph {
			g := engine.NewGraph()
			g.Output("y", g.In("one").Param("scale", engine.Shape{5}, engine.Bias, normal{}))
			return g
		}, engine.Options{Rows: 1, Weights: weights(engine.Float32)}, []string{`"one/scale"`, "4", "5"}},
		{"input gradient of nothing", smallNet, engine.Options{Rows: 1, InputGradients: []string{"z"}}, []string{`"z"`}},
		{"input gradient of a row weight", smallNet, engine.Options{Rows: 1, InputGradients: []string{"w"}}, []string{`"w"`, "depend"}},
		{"input gradient of an index", func() *engine.Graph {
			g := engine.NewGraph()
			g.Output("y", g.Input(engine.Field{Name: "i", Type: engine.Type{Kind: engine.Index, Below: 3}}))
			return g
		}, engine.Options{Rows: 1, InputGradients: []string{"i"}}, []string{`"i"`, "index"}},
		{"input gradient of a prediction", smallNet, engine.Options{Rows: 1, Forward: true, InputGradients: []string{"x"}}, []string{"only predicts"}},
		{"no body", func() *engine.Graph { return withBody(engine.Code{}) }, engine.Options{Rows: 1}, []string{`layer "a"`, "odd", "float32"}},
		{"no body in this precision", func() *engine.Graph { return withBody(engine.Code{F32: oddBody{}}) }, engine.Options{Rows: 1, Precision: engine.Float64}, []string{`layer "a"`, "odd", "float64"}},
		{"negative scratch", func() *engine.Graph { return withTraits(engine.Traits{Scratch: -1}) }, engine.Options{Rows: 1}, []string{`layer "a"`, "-1", "scratch"}},
		{"rowwise that saves no rows", func() *engine.Graph {
			return withTraits(engine.Traits{Rowwise: true, Saved: []engine.Type{{Fixed: true}}})
		}, engine.Options{Rows: 1}, []string{`layer "a"`, "tiles"}},
		{"saved that overflows", func() *engine.Graph {
			return withTraits(engine.Traits{Saved: []engine.Type{{Shape: engine.Shape{1 << 40, 1 << 40}}}})
		}, engine.Options{Rows: 1}, []string{`layer "a"`, "overflow"}},
		{"initializer that gives NaN", func() *engine.Graph {
			g := engine.NewGraph()
			g.Output("y", g.Param("p", engine.Shape{3}, engine.Bias, constant(nan)))
			return g
		}, engine.Options{Rows: 1}, []string{`"p"`, "NaN", "element 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := c.build()
			if g != nil && g.Err() != nil {
				t.Fatal(g.Err())
			}
			_, err := engine.Compile(g, c.o)
			contains(t, err, c.want)
		})
	}
}

func withBody(code engine.Code) *engine.Graph {
	g := engine.NewGraph()
	g.Output("y", g.In("a").Apply(odd{Result: rowsOf(2), Bodies: code}, g.Input(engine.Field{Name: "x", Type: rowsOf(2)})))
	return g
}

func withTraits(t engine.Traits) *engine.Graph { return withBody(engine.Code{F32: oddBody{t}}) }

func TestFrozenMayBeRepeated(t *testing.T) {
	// A trainer compiles its plans from one set of options.
	o := engine.Options{Rows: 2, Frozen: []string{"one", "two/weight"}}
	o.Weights = compile(t, smallNet(), o).Weights()
	compile(t, smallNet(), o)
	if g := o.Weights.Gradients(); len(g) != 0 {
		t.Error("frozen parameters have gradients:", g)
	}
}

func TestGraphCanBeRead(t *testing.T) {
	g := smallNet()
	var ops, params, inputs []string
	for v, n := range g.Nodes() {
		switch {
		case n.IsParam():
			params = append(params, n.Path)
		case n.Field != nil:
			inputs = append(inputs, n.Path)
		case n.Op != nil && !n.IsState():
			ops = append(ops, n.Path)
		}
		if !v.Valid() || !g.Type(v).Shape.Equal(n.Type.Shape) {
			t.Error(v, n)
		}
		for _, in := range n.In {
			if !in.Valid() {
				t.Error(n.Path, "reads nothing")
			}
		}
	}
	if got := strings.Join(append(append(inputs, params...), ops...), " "); got != "x t w one/weight one/scale two/weight one one two " {
		t.Errorf("%q", got)
	}
	for name, v := range g.Outputs() {
		if name != "y" || v != g.Get("y") {
			t.Error(name, v)
		}
	}
	if s := g.In("a").In("b").Scope(); s != "a/b" || g.Shared("c").Scope() != "c" {
		t.Error(s)
	}
}

func TestRandRow(t *testing.T) {
	r := engine.NewRand(1, "test")
	for row := range 3 {
		for i := range 3 {
			if r.Bits(row, i) != r.Row(row).Bits(i) || r.At(row, i) != r.Row(row).At(i) || r.At(row, i) == r.At(row+1, i) {
				t.Error(row, i)
			}
		}
	}
}
