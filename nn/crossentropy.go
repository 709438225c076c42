package nn

import (
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// CrossEntropy is the loss of a classification: -log of the probability that a softmax over the network's outputs gives the true class.
// Inputs: logits [K] and the class, an index below K. With p = softmax(x): L = log Σ_j exp(x_j) - x_class, ∂L/∂x = p - onehot(class)
// (Bridle 1990). Saved: p.
type CrossEntropy struct{}

// Build implements [Layer].
func (l CrossEntropy) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (CrossEntropy) Type(in []engine.Type) (engine.Type, error) {
	if len(in) != 2 {
		return engine.Type{}, fmt.Errorf("%d inputs; the network's output and a target are wanted", len(in))
	}
	if in[1].Kind != engine.Index || in[1].Shape.Size() != 1 || in[1].Fixed {
		return engine.Type{}, fmt.Errorf("the target is %v; one class a row is wanted (for numbers use half_squares or mean_squares)", in[1])
	}
	if in[0].Kind != engine.Real || in[0].Fixed || in[0].Shape.Size() != in[1].Below {
		return engine.Type{}, fmt.Errorf("the network's output is %v and there are %d classes; one output a class is wanted", in[0], in[1].Below)
	}
	return engine.Type{Shape: engine.Shape{1}}, nil
}

// Code implements [engine.Op].
func (CrossEntropy) Code(in []engine.Type, c engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	return engine.Code{F32: crossEntropy[float32]{table[float32](c), n}, F64: crossEntropy[float64]{table[float64](c), n}}
}

type crossEntropy[T engine.Float] struct {
	k *kernel.Table[T]
	n int
}

func (b crossEntropy[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true, Saved: []engine.Type{{Shape: engine.Shape{b.n}}}}
}

func (b crossEntropy[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		row := func(x []T) []T { return x[r*b.n : (r+1)*b.n] }
		s.Out[r] = T(b.k.CrossEntropy(row(s.Saved[0]), row(s.In[0]), int(s.In[1][r])))
	}
}

func (b crossEntropy[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	for r := range s.Rows {
		class, d := int(s.In[1][r]), s.GradOut[r]
		p, dx := s.Saved[0][r*b.n:(r+1)*b.n], s.GradIn[0][r*b.n:(r+1)*b.n]
		for j, v := range p {
			if j == class {
				v--
			}
			if s.First[0] {
				dx[j] = v * d
			} else {
				dx[j] += v * d
			}
		}
	}
}
