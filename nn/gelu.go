package nn

import (
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

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
func (l GELU) Code([]engine.Type, engine.Conditions) engine.Code {
	if l.Tanh {
		return curve(geluTanh, geluTanhSlope)
	}
	return curve(geluErf, geluErfSlope)
}

func (GELU) start() engine.Init { return He{} }

func normalBelow(x float64) float64 { return 0.5 * (1 + kernel.Erf(x/math.Sqrt2)) }

func geluErf(x float64) float64 { return gate(x, normalBelow(x)) }

func geluErfSlope(x float64) float64 {
	const peak = 0.3989422804014326779399460599343819 // 1/√(2π)
	return normalBelow(x) + gate(x, peak*kernel.Exp(-0.5*float64(x*x)))
}

// geluShare is ½ (1 + tanh(u)), written as a sigmoid, which does not cancel for negative u, and du/dx.
func geluShare(x float64) (share, du float64) {
	const scale = 0.79788456080286535587989211986876 // √(2/π)
	x2 := float64(x * x)
	u := float64(scale*x) * (1 + float64(0.044715*x2))
	return kernel.Sigmoid(2 * u), scale * (1 + float64(3*0.044715*x2))
}

func geluTanh(x float64) float64 {
	share, _ := geluShare(x)
	return gate(x, share)
}

func geluTanhSlope(x float64) float64 {
	share, du := geluShare(x)
	return share + gate(2*du*x, float64(share*(1-share)))
}
