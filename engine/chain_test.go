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
