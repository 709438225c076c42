package nn

import (
	"errors"
	"fmt"

	"github.com/descent-go/descent/engine"
)

// MLP is a multilayer perceptron: for each of Units a dense layer, an activation and, with a rate, dropout; then a dense layer that gives
// the answer. Its layers have the paths that a [Sequence] of the same layers would give them.
type MLP struct {
	Units        []int       `spec:",arg,min=1" help:"units of each hidden layer"`
	Activation   Layer       `help:"after each hidden layer; relu if not given"`
	Dropout      float64     `spec:",min=0,lt=1" help:"share of each hidden layer's units dropped while training"`
	InputDropout float64     `spec:",min=0,lt=1" help:"share of the inputs dropped while training"`
	BatchNorm    bool        `spec:"batchnorm" help:"batch normalization before each activation"`
	Outputs      int         `spec:",min=0" help:"number of outputs; 0 takes it from the target: one a class or a number"`
	Init         engine.Init `help:"initial weights of the hidden layers; what suits the activation (he for relu), else glorot"`
}

// Build implements [Layer].
func (l MLP) Build(g *engine.Graph, x ...engine.Value) engine.Value {
	layers, err := l.layers(g)
	if err != nil {
		g.Fail(err)
		return engine.Value{}
	}
	return layers.Build(g, x...)
}

func (l MLP) layers(g *engine.Graph) (Sequence, error) {
	outputs, activation, init := l.Outputs, l.Activation, l.Init
	if outputs == 0 {
		var err error
		if outputs, err = targetSize(g); err != nil {
			return nil, err
		}
	}
	if activation == nil {
		activation = ReLU{}
	}
	if a, ok := activation.(starter); ok && init == nil {
		init = a.start()
	}
	var s Sequence
	if l.InputDropout != 0 {
		s = append(s, Dropout{l.InputDropout})
	}
	for i, units := range l.Units {
		if units < 1 {
			return nil, fmt.Errorf("mlp: layer %d has %d units; at least 1 is wanted", i+1, units)
		}
		s = append(s, Dense{Units: units, Init: init})
		if l.BatchNorm {
			s = append(s, NewBatchNorm())
		}
		s = append(s, activation)
		if l.Dropout != 0 {
			s = append(s, Dropout{l.Dropout})
		}
	}
	return append(s, Dense{Units: outputs, Head: true}), nil
}

// targetSize is the number of outputs that the graph's target asks for.
func targetSize(g *engine.Graph) (int, error) {
	for _, n := range g.Nodes() {
		if n.Field != nil && n.Field.Use == engine.Target {
			if n.Type.Kind == engine.Index {
				return n.Type.Below, nil
			}
			return n.Type.Shape.Size(), nil
		}
	}
	return 0, errors.New("mlp: outputs is not given and the graph has no target to take it from")
}
