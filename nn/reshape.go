package nn

import (
	"errors"
	"fmt"

	"github.com/descent-go/descent/engine"
)

// Reshape reads a row's elements, in their order, as another shape of as many: [784] as [1, 28, 28]. One dimension may be -1: what is left
// for it. Without dimensions the row is one number. It costs nothing.
type Reshape struct {
	Shape []int `spec:",arg,min=-1" help:"dimensions of a row; one may be -1, which takes what is left"`
}

// Build implements [Layer].
func (l Reshape) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "reshape", x)
	if !ok {
		return engine.Value{}
	}
	shape, err := l.fit(g.Type(v).Shape)
	if err != nil {
		g.Fail(fmt.Errorf("reshape: %w", err))
		return engine.Value{}
	}
	return g.Reshape(v, shape)
}

// fit is the shape that a row of shape s gets.
func (l Reshape) fit(s engine.Shape) (engine.Shape, error) {
	shape, free := make(engine.Shape, len(l.Shape)), -1
	for i, d := range l.Shape {
		switch {
		case d > 0:
		case d == -1 && free < 0:
			free, d = i, 1
		case d == -1:
			return nil, errors.New("two dimensions are -1; one can take what is left")
		default:
			return nil, fmt.Errorf("dimension %d is %d; at least 1, or -1 for what is left, is wanted", i+1, d)
		}
		shape[i] = d
	}
	size := shape.Size()
	if free >= 0 {
		if size < 1 || s.Size()%size != 0 {
			return nil, fmt.Errorf("%v has %d elements, which %v does not divide", s, s.Size(), l.Shape)
		}
		shape[free] = s.Size() / size
	}
	return shape, nil // whether the sizes match is the graph's to check
}
