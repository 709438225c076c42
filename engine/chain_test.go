package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

// noted is a rowwise operation of a user that passes its input on and notes which rows it saw.
type noted struct {
	Name string
	log  *[]string
}

func (noted) Type(in []engine.Type) (engine.Type, error) { return in[0], nil }
func (o noted) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: notedBody{o}}
}

type notedBody struct{ op noted }

func (notedBody) Traits() engine.Traits { return engine.Traits{Rowwise: true} }
func (b notedBody) Forward(s *engine.Step[float32]) {
	*b.op.log = append(*b.op.log, fmt.Sprintf("%s %d", b.op.Name, s.Row))
	copy(s.Out, s.In[0])
}
func (b notedBody) Backward(s *engine.Step[float32]) {
	*b.op.log = append(*b.op.log, fmt.Sprintf("back %s %d", b.op.Name, s.Row))
	for i, d := range s.GradOut {
		s.GradIn[0][i] += d
	}
}

// Rowwise neighbors run together, a tile of rows after the other; an operation between them that is not rowwise parts them. Watched, each
// runs alone and sees the same tiles.
func TestChainsRunTileByTile(t *testing.T) {
	var log []string
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(4096)})
	w := g.Param("w", engine.Shape{4096, 2}, engine.Weight, normal{})
	a := g.Apply(noted{"a", &log}, x)
	b := g.Apply(noted{"b", &log}, a)
	c := g.Apply(linear{2}, b, w)
	d := g.Apply(noted{"d", &log}, c)
	y := g.Input(engine.Field{Name: "y", Type: rowsOf(2), Use: engine.Target})
	g.Objective(g.Apply(squares{}, d, y), engine.Value{})
	p := compile(t, g, engine.Options{Rows: 5, InputGradients: []string{"x"}})
	batch := batchFor(p, 5, 1)
	pass(t, p, &batch) // packed copies are filled one operation after the other
	log = nil
	pass(t, p, &batch)
	want := []string{
		"a 0", "b 0", "a 2", "b 2", "a 4", "b 4", "d 0",
		"back d 0", "back b 0", "back a 0", "back b 2", "back a 2", "back b 4", "back a 4",
	}
	if !slices.Equal(log, want) {
		t.Errorf("order\n%q, wanted\n%q", log, want)
	}
	log, batch.Watch = nil, true
	pass(t, p, &batch)
	want = []string{
		"a 0", "a 2", "a 4", "b 0", "b 2", "b 4", "d 0",
		"back d 0", "back b 0", "back b 2", "back b 4", "back a 0", "back a 2", "back a 4",
	}
	if !slices.Equal(log, want) {
		t.Errorf("order when watched\n%q, wanted\n%q", log, want)
	}
}

// Gradients of Fixed inputs are summed over at most 32 tiles, however many rows there are, so that the partial sums have room: here for two
// operations of a chain, of which each tile would otherwise have two rows of a hundred.
func TestPartialSumsHaveRoom(t *testing.T) {
	const width, rows = 4096, 100
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(width)})
	y := g.Input(engine.Field{Name: "y", Type: rowsOf(width), Use: engine.Target})
	a, b := g.Param("a", engine.Shape{width}, engine.Weight, constant(1)), g.Param("b", engine.Shape{width}, engine.Weight, constant(1))
	g.Objective(g.Apply(squares{}, g.Apply(scale{}, g.Apply(scale{}, x, a), b), y), engine.Value{})
	for _, threads := range []int{1, 3} {
		pool := engine.NewPool(threads)
		defer pool.Close()
		p := compile(t, g, engine.Options{Rows: rows, Precision: engine.Float64, Pool: pool})
		batch := batchFor(p, rows, 1)
		pass(t, p, &batch)
		want := make([]float64, width) // with both scales 1: the sum over rows of (x - y) x, by either
		for r := range rows {
			for j := range width {
				v := batch.In[0].F64[r*width+j]
				want[j] += (v - batch.In[1].F64[r*width+j]) * v
			}
		}
		for _, grad := range p.Weights().Gradients() {
			for j, v := range grad.F64 {
				if d := v - want[j]; d > 1e-9 || d < -1e-9 || d != d {
					t.Fatalf("%d threads: gradient %d of %s is %v, wanted %v", threads, j, grad.Name, v, want[j])
				}
			}
		}
	}
}
