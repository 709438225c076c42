package nn

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
)

// Hinge is the loss of a multi-class support vector machine: every other class must stay Margin below the true one, c:
// L = 1/K Σ_{j≠c} max(0, Margin - x_c + x_j) over the K outputs. That is PyTorch's MultiMarginLoss and, but for the 1/K, the loss of Weston and
// Watkins, "Support vector machines for multi-class pattern recognition", 1999; Crammer and Singer 2001 take the largest term in place of
// the sum. Margin is 1 in files unless given. Inputs: the network's output x [K] and the class, an index below K. With a_j = 1 for the terms
// above 0: ∂L/∂x_j = a_j / K, ∂L/∂x_c = -Σ_j a_j / K. Nothing is saved.
type Hinge struct {
	Margin float64 `spec:",arg,gt=0" help:"how far the other classes must stay below the true one"`
}

// Build implements [Layer].
func (l Hinge) Build(g *engine.Graph, x ...engine.Value) engine.Value { return g.Apply(l, x...) }

// Type implements [engine.Op].
func (l Hinge) Type(in []engine.Type) (engine.Type, error) {
	if !(l.Margin > 0) || math.IsInf(l.Margin, 1) {
		return engine.Type{}, fmt.Errorf("margin is %v; a number above 0 is wanted (1 is usual)", l.Margin)
	}
	return classType(in)
}

// Code implements [engine.Op].
func (l Hinge) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	n := in[0].Shape.Size()
	return engine.Code{F32: hinge[float32]{n, l.Margin}, F64: hinge[float64]{n, l.Margin}}
}

type hinge[T engine.Float] struct {
	n      int
	margin float64
}

func (b hinge[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsOut: true}
}

func (b hinge[T]) Forward(s *engine.Step[T]) {
	for r := range s.Rows {
		x, c := s.In[0][r*b.n:(r+1)*b.n], int(s.In[1][r])
		sum := 0.0
		for j, v := range x {
			if j != c {
				sum += max(0, b.margin-float64(x[c])+float64(v))
			}
		}
		s.Out[r] = T(sum / float64(b.n))
	}
}

func (b hinge[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	for r := range s.Rows {
		x, c := s.In[0][r*b.n:(r+1)*b.n], int(s.In[1][r])
		each, above := s.GradOut[r]/T(b.n), 0
		for j, v := range x {
			if j == c {
				continue
			}
			d := T(0)
			if b.margin-float64(x[c])+float64(v) > 0 {
				d = each
				above++
			}
			put(s, 0, r*b.n+j, d)
		}
		put(s, 0, r*b.n+c, -each*T(above))
	}
}
