package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// branches are the values that a joining layer joins: its branches' results, each fed all inputs, or the inputs themselves.
func branches(g *engine.Graph, who string, list []Layer, x []engine.Value) []engine.Value {
	if len(list) > 0 {
		joined := make([]engine.Value, len(list))
		for i, layer := range list {
			if layer == nil {
				g.Fail(fmt.Errorf("%s: branch %d is nil", who, i+1))
				return nil
			}
			joined[i] = layer.Build(g.In(fmt.Sprintf("branch%d", i+1)), x...)
		}
		x = joined
	}
	if len(x) == 0 {
		g.Fail(fmt.Errorf("%s: nothing to join", who))
	}
	return x
}

// sameShapes is the type of an operation over any number of inputs of one shape. Fixed inputs count for every row.
func sameShapes(in []engine.Type) (engine.Type, error) {
	if len(in) == 0 {
		return engine.Type{}, fmt.Errorf("no inputs; at least one is wanted")
	}
	for i, t := range in {
		if t.Kind != engine.Real {
			return engine.Type{}, fmt.Errorf("input %d is an index; numbers are wanted", i+1)
		}
		if !t.Shape.Equal(in[0].Shape) {
			return engine.Type{}, fmt.Errorf("input 1 is %v and input %d is %v; the same shape is wanted", in[0].Shape, i+1, t.Shape)
		}
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

// fixedInputs tells which inputs have no rows beside others that have.
func fixedInputs(in []engine.Type) []bool {
	fixed := make([]bool, len(in))
	for i, t := range in {
		fixed[i] = t.Fixed
	}
	return fixed
}
