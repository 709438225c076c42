package nn

import "github.com/descent-go/descent/engine"

// GELU is the Gaussian error linear unit: y = x Φ(x) with Φ(x) = ½ (1 + erf(x / √2)), the standard normal distribution function; its
// derivative is Φ(x) + x exp(-x²/2) / √(2π) (Hendrycks and Gimpel, "Gaussian error linear units", 2016, section 2). With Tanh it is the
// paper's approximation y = ½ x (1 + tanh(u)), u = √(2/π) (x + 0.044715 x³), as in BERT and GPT-2; they differ by 5e-4 at most. Backward reads
// x. Any shape; the result has the same.
type GELU struct {
	Tanh bool `help:"the approximation by tanh"`
}

// Build implements [Layer].
func (l GELU) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (GELU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (l GELU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	if l.Tanh {
		return engine.Code{F32: geluTanh[float32](c), F64: geluTanh[float64](c)}
	}
	return engine.Code{F32: gelu[float32](c), F64: gelu[float64](c)}
}

func (GELU) start() engine.Init { return He{} }

func gelu[T engine.Float](c engine.Conditions) pointwise[T] {
	k := table[T](c)
	return pointwise[T]{forward: k.GELU, fromIn: k.GELUBack}
}

func geluTanh[T engine.Float](c engine.Conditions) pointwise[T] {
	k := table[T](c)
	return pointwise[T]{forward: k.GELUTanh, fromIn: k.GELUTanhBack}
}
