package nn

import (
	"errors"
	"fmt"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Activation names an activation that the operation before it can take over because its result tells its derivative; "" is none.
type Activation string

const (
	reluActivation    Activation = "relu"
	sigmoidActivation Activation = "sigmoid"
	tanhActivation    Activation = "tanh"
)

// activate gives the kernels of an activation: forward, and backward from the result.
func activate[T engine.Float](k *kernel.Table[T], a Activation) (func(dst, x []T), func(dx, y, dy []T, add bool)) {
	switch a {
	case reluActivation:
		return k.Relu, k.ReluBack
	case sigmoidActivation:
		return k.Sigmoid, k.SigmoidBack
	case tanhActivation:
		return k.Tanh, k.TanhBack
	}
	return nil, nil
}

// sameType is the type of an operation by elements: that of its one input of real numbers.
func sameType(in []engine.Type) (engine.Type, error) {
	if len(in) != 1 {
		return engine.Type{}, fmt.Errorf("%d inputs; one is wanted", len(in))
	}
	if in[0].Kind != engine.Real {
		return engine.Type{}, errors.New("its input is an index; numbers are wanted")
	}
	return engine.Type{Shape: in[0].Shape}, nil
}

// pointwise is the body of an activation by elements. Of fromOut, a derivative from the result, and fromIn, one from the input, one is set.
type pointwise[T engine.Float] struct {
	forward func(dst, x []T)
	fromOut func(dx, y, dy []T, add bool)
	fromIn  func(dx, x, dy []T, add bool)
}

func (b pointwise[T]) Traits() engine.Traits {
	return engine.Traits{Rowwise: true, First: true, ForgetsIn: b.fromIn == nil, ForgetsOut: b.fromOut == nil}
}

func (b pointwise[T]) Forward(s *engine.Step[T]) { b.forward(s.Out, s.In[0]) }

func (b pointwise[T]) Backward(s *engine.Step[T]) {
	if s.GradIn[0] == nil {
		return
	}
	if b.fromOut != nil {
		b.fromOut(s.GradIn[0], s.Out, s.GradOut, !s.First[0])
	} else {
		b.fromIn(s.GradIn[0], s.In[0], s.GradOut, !s.First[0])
	}
}

// activationCode is the code of an activation of the table.
func activationCode(a Activation, c engine.Conditions) engine.Code {
	var code engine.Code
	f32, f32Back := activate(table[float32](c), a)
	code.F32 = pointwise[float32]{forward: f32, fromOut: f32Back}
	f64, f64Back := activate(table[float64](c), a)
	code.F64 = pointwise[float64]{forward: f64, fromOut: f64Back}
	return code
}

// unary builds a layer that is its own operation.
func unary(g *engine.Graph, op interface {
	Layer
	engine.Op
}, x []engine.Value) engine.Value {
	if v, ok := one(g, Kind(op), x); ok {
		return g.Apply(op, v)
	}
	return engine.Value{}
}
