package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
)

// ClassWeight is how much a row counts by its class: y = Weights[class]. Input: a class, an index below the number of weights; result [1].
// It has no derivative: it stands where a graph's objective takes the weight of a row, so that rare classes can count more.
type ClassWeight struct {
	Weights []float64 `spec:",arg,min=0"`
}

// Build implements [Layer].
func (l ClassWeight) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (l ClassWeight) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 1 || in[0].Kind != engine.Index || in[0].Shape.Size() != 1 || in[0].Fixed {
		return engine.Type{}, fmt.Errorf("its input must be one class a row")
	}
	if len(l.Weights) != in[0].Below {
		return engine.Type{}, fmt.Errorf("%d weights for %d classes; one a class is wanted", len(l.Weights), in[0].Below)
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

// Code implements [engine.Op].
func (l ClassWeight) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F32: classWeight[float32]{l.Weights}, F64: classWeight[float64]{l.Weights}}
}

type classWeight[T engine.Float] struct{ weights []float64 }

func (b classWeight[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: true, ForgetsOut: true}
}

func (b classWeight[T]) Forward(s *engine.Step[T]) {
	for r, class := range s.In[0] {
		s.Out[r] = T(b.weights[int(class)])
	}
}

func (b classWeight[T]) Backward(*engine.Step[T]) {}
