package nn

import "github.com/descent-go/descent/engine"

// Flatten reads a row of any shape as one vector. It costs nothing; [Dense] does it by itself.
type Flatten struct{}

// Build implements [Layer].
func (Flatten) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "flatten", x)
	if !ok {
		return engine.Value{}
	}
	return g.Reshape(v, engine.Shape{g.Type(v).Shape.Size()})
}
