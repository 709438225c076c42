// Package nn says what a network is. A [Layer] is a plain value that builds its part of a graph; a file holds a layer with its operation
// and its derivative. Losses are layers from an output and a target to one number a row; [engine.Init] values say how weights start.
//
//	model := nn.Sequence{nn.Dense{Units: 512}, nn.ReLU{}, nn.Dropout{Rate: 0.2}, nn.Dense{Units: 10}}
//
// The same as text is sequence(dense(512), relu, dropout(0.2), dense(10)), and each layer can be named in a configuration file; what is
// named is listed in registry.go.
package nn

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/descent-go/descent/engine"
)

// Layer builds its part of a graph from its inputs. Most layers take one; a loss takes the network's output and the target. What a user can
// get wrong is kept by the graph as its error (engine.Graph.Fail), with the layer's path.
type Layer interface {
	Build(g *engine.Graph, x ...engine.Value) engine.Value
}

// Sequence feeds each layer the result of the one before; the first gets all inputs of the sequence. Layers are named by kind and number
// among their kind: dense1, relu1, dense2. An empty sequence hands on its input.
type Sequence []Layer

// Build implements [Layer].
func (s Sequence) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	seen := map[string]int{}
	for i, layer := range s {
		if layer == nil {
			g.Fail(fmt.Errorf("sequence: layer %d is nil", i+1))
			return engine.Value{}
		}
		x = []engine.Value{build(g, seen, layer, x...)}
	}
	v, ok := one(g, "sequence without layers", x)
	if !ok {
		return engine.Value{}
	}
	return v
}

// Network builds a whole network: a layer that is no sequence gets the path that it would have as the only one of a sequence, so that every
// parameter and every error has a layer's name.
func Network(g *engine.Graph, model Layer, x ...engine.Value) engine.Value {
	switch model.(type) {
	case Sequence, MLP:
		return model.Build(g, x...)
	}
	return Sequence{model}.Build(g, x...)
}

// build builds a layer below a scope of its kind and number. Layers that name themselves do not get one.
func build(g *engine.Graph, seen map[string]int, layer Layer, x ...engine.Value) engine.Value {
	switch layer.(type) {
	case Named, Shared, Get:
		return layer.Build(g, x...)
	}
	kind := Kind(layer)
	seen[kind]++
	return layer.Build(g.In(fmt.Sprintf("%s%d", kind, seen[kind])), x...)
}

// Kind is the word for a layer in paths and tables: its registered name, else its type's name in lower case.
func Kind(layer Layer) string {
	t := reflect.TypeOf(layer)
	for _, list := range Lists() {
		for _, e := range list.Entries() {
			if reflect.TypeOf(e.Prototype) == t {
				return e.Name
			}
		}
	}
	name := strings.TrimPrefix(t.String(), "*")
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

// one is the only input of a layer that takes one.
func one(g *engine.Graph, who string, x []engine.Value) (engine.Value, bool) {
	if len(x) != 1 {
		g.Fail(fmt.Errorf("%s: %d inputs; one is wanted (join several by concatenate or add)", who, len(x)))
		return engine.Value{}, false
	}
	return x[0], g.Err() == nil
}

// Residual adds its input to the result of its body: y = body(x) + shortcut(x). A nil Shortcut hands x on, which needs the same shape (He
// et al., "Deep residual learning for image recognition", 2015, equations 1 and 2).
type Residual struct {
	Body     Layer `spec:",arg,required" help:"what is learned on top of the shortcut"`
	Shortcut Layer `spec:",arg" help:"brings the input to the body's shape; without it the input itself"`
}

// Build implements [Layer].
func (l Residual) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	v, ok := one(g, "residual", x)
	if !ok {
		return engine.Value{}
	}
	if l.Body == nil {
		g.Fail(fmt.Errorf("residual: it has no body"))
		return engine.Value{}
	}
	body := l.Body.Build(g.In("body"), v)
	if l.Shortcut != nil {
		v = l.Shortcut.Build(g.In("shortcut"), v)
	}
	return g.Apply(AddOp{}, body, v)
}

// Shared builds a layer with parameters that every Shared of this Name has in common. Its paths begin with Name.
type Shared struct {
	Name  string `spec:",arg,required" help:"all layers shared under this name have the same parameters"`
	Layer Layer  `spec:",arg,required"`
}

// Build implements [Layer].
func (l Shared) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if l.Layer == nil {
		g.Fail(fmt.Errorf("shared %q: it has no layer", l.Name))
		return engine.Value{}
	}
	return l.Layer.Build(g.Shared(l.Name), x...)
}

// Named builds a layer under a name of the user's: its parameters' paths contain the name, and its result can be had by [Get], read as an
// output and measured.
type Named struct {
	Name  string `spec:",arg,required"`
	Layer Layer  `spec:",arg,required"`
}

// Build implements [Layer].
func (l Named) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	if l.Layer == nil {
		g.Fail(fmt.Errorf("named %q: it has no layer", l.Name))
		return engine.Value{}
	}
	return g.Output(l.Name, l.Layer.Build(g.In(l.Name), x...))
}

// Get is a value by name as a layer: an input, the result of a [Named] layer, or a parameter. It ignores its inputs.
type Get string

// Build implements [Layer].
func (l Get) Build(g *engine.Graph, _ ...engine.Value) engine.Value { return g.Get(string(l)) }
