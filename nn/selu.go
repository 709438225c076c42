package nn

import "github.com/descent-go/descent/engine"

// SELU is the scaled exponential linear unit: y = λ x where x > 0, λ α (exp(x) - 1) elsewhere, with λ ≈ 1.0507 and α ≈ 1.6733 such that mean
// 0 and variance 1 are a fixed point of a layer whose weights have the variance 1 / fan-in: [LeCun] (Klambauer et al., "Self-normalizing
// neural networks", 2017, equations 2 and 14). Its derivative is λ or λ α exp(x), which backward computes from x. Any shape; the result
// has the same.
type SELU struct{}

// The constants with the digits of the paper's code.
const (
	seluScale = 1.0507009873554804934193349852946
	seluAlpha = 1.6732632423543772848170429916717
)

// Build implements [Layer].
func (l SELU) Build(g *engine.Graph, x ...engine.Value) engine.Value { return unary(g, l, x) }

// Type implements [engine.Op].
func (SELU) Type(in []engine.Type) (engine.Type, error) { return sameType(in) }

// Code implements [engine.Op].
func (SELU) Code(_ []engine.Type, c engine.Conditions) engine.Code {
	return exponential(c, seluScale, seluScale*seluAlpha, 1)
}

func (SELU) start() engine.Init { return LeCun{} }
