package nn

import "github.com/descent-go/descent/engine"

// Identity hands on its input, as the shortcut of a [Residual] or a branch of [Add] may. It is no operation and costs nothing.
type Identity struct{}

// Build implements [Layer].
func (Identity) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, _ := one(g, "identity", x)
	return v
}
