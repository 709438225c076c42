package nn

// What activations share: the body that applies a function to each element (pointwise), with the table's kernels (activationCode) or with
// a function of one number (curve), and the names under which a dense layer takes an activation over.

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

// curve is the code of an activation y = f(x) with the derivative slope(x), for which there is no vector kernel. Both are computed in
// float64 in either precision, an element at a time, from functions that have no assembly: the bits are the same on every target.
func curve(f, slope func(x float64) float64) engine.Code {
	return engine.Code{F32: curveBody[float32](f, slope), F64: curveBody[float64](f, slope)}
}

func curveBody[T engine.Float](f, slope func(x float64) float64) pointwise[T] {
	return pointwise[T]{
		forward: func(dst, x []T) {
			for i, v := range x[:len(dst)] {
				dst[i] = T(f(float64(v)))
			}
		},
		fromIn: func(dx, x, dy []T, add bool) {
			for i, d := range dy {
				d = T(float64(d) * slope(float64(x[i])))
				if add {
					d += dx[i]
				}
				dx[i] = d
			}
		},
	}
}

// gate is x times a factor between 0 and 1 that falls faster than x grows: 0 where the factor is 0, also for infinite x.
func gate(x, factor float64) float64 {
	if factor == 0 {
		return 0
	}
	return float64(x * factor)
}

// starter is implemented by an activation that wants the weights before it to start in a way of its own; see [MLP].
type starter interface{ start() engine.Init }

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
