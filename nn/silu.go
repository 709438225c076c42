package nn

import "github.com/descent-go/descent/engine"

// SiLU is y = x σ(x) with the logistic σ, called swish as well; its derivative is σ(x) (1 + x σ(-x)) (Elfwing, Uchibe and Doya,
// "Sigmoid-weighted linear units", 2018, equations 5 and 8; Ramachandran, Zoph and Le, "Searching for activation functions", 2017). Backward
// reads x. Any shape; the result has the same.
type SiLU struct{}

// Build implements [Layer].
func (l SiLU) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (SiLU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (SiLU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return engine.Code{F32: silu[float32](c), F64: silu[float64](c)}
}

func (SiLU) start() engine.Init { return He{} }

func silu[T engine.Float](c engine.Conditions) pointwise[T] {
	k := table[T](c)
	return pointwise[T]{forward: k.SiLU, fromIn: k.SiLUBack}
}
