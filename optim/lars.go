package optim

import (
	"errors"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// LARS is layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017, arXiv 1708.03888, equation 6 and algorithm 1): momentum whose
// rate is scaled, parameter by parameter, by the norm of the weights over that of the gradient:
//
//	r = trust |w| / (|g| + decay |w|)
//	v = mu v + lr r (g + decay w)
//	w = w - v
//
// with r = 1 where |w| or |g| is zero. Joint takes |g + decay w| as the denominator. The rate is inside v, as in the paper.
//
// Biases and norms take the plain step, r = 1 without decay, as every recipe has it (You and others' own code, MLPerf); All and decay_all
// change that. Mind what it means: their rate is lr itself, which is large here.
//
// Defaults: trust 0.001, mu 0.9, decay 5e-4, as the paper; [Info.Differs] says who else has it, and how. State: one number a weight. Decay
// has its place in the formula: coupled does not apply.
type LARS struct {
	Mu    float64 `spec:",min=0,lt=1" help:"momentum"`
	Trust float64 `spec:",gt=0" help:"trust coefficient"`
	Joint bool    `help:"norm of gradient and decay together in the denominator, as Optax and timm"`
	All   bool    `spec:"trust_all" help:"scale biases and norms too"`
}

var _ Rule = LARS{}

// NewLARS is LARS with the paper's defaults.
func NewLARS(lr float64) Optimizer {
	return Optimizer{Rule: LARS{Mu: 0.9, Trust: 0.001}, LR: Constant(lr), Decay: Decay{Rate: 5e-4}}
}

// Info names the rule and its source.
func (l LARS) Info() Info {
	formula := "r = trust |w|/(|g| + decay |w|); v = mu v + lr r (g + decay w); w -= v"
	if l.Joint {
		formula = "r = trust |w|/|g + decay w|; v = mu v + lr r (g + decay w); w -= v"
	}
	return Info{
		Name: "lars", Formula: formula, Source: "You, Gitman and Ginsburg 2017, arXiv 1708.03888, equation 6", Sums: 2, Apart: true, OwnDecay: true,
		Tunable: []string{"lr", "mu", "trust", "decay"},
		Strengths: []string{
			"Works well on large batches (up to 32k)",
			"Step length of each layer follows its weights, not its gradient",
			"Built-in momentum",
		},
		Weaknesses: []string{
			"Needs warm-up, and its rate is of another size than that of momentum",
			"Norms of each layer take one more pass over weights and gradient",
			"No gain at small batches",
		},
		Differs: []string{
			"PyTorch and Keras: they have no LARS",
			"Optax: |g + decay w| in the denominator (joint=true); decay 0 by default; biases and norms are scaled and decayed too unless masked " +
				"(trust_all=true, decay_all=true)",
			"timm: |g + decay w| in the denominator (joint=true); decay 0 by default; the rate is outside the velocity, which has no setting here",
		},
	}
}

// Validate wants 0 <= mu < 1 and a positive trust coefficient.
func (l LARS) Validate() error {
	var p problems
	p.fraction("mu", l.Mu)
	p.positive("trust", l.Trust)
	return errors.Join(p...)
}

// Slots is the velocity v.
func (LARS) Slots(p engine.Param) []Slot { return []Slot{{Name: "v", Shape: p.Shape}} }

// Code is the momentum kernel at the scaled rate.
func (l LARS) Code() Code { return Code{F32: larsBody[float32]{l}, F64: larsBody[float64]{l}} }

type larsBody[T engine.Float] struct{ l LARS }

func (b larsBody[T]) plain(r engine.Role) bool {
	return !b.l.All && (r == engine.Bias || r == engine.Norm)
}

// Measure finds |w|² and the square of the norm in the denominator.
func (b larsBody[T]) Measure(v *View[T], h *Hyper, sum []float64) {
	if b.plain(v.Role) {
		return
	}
	ww, gg := v.kernels.SumSquares(v.Weight), v.kernels.SumSquares(v.Grad)
	sum[0] += ww
	gg = float64(gg * float64(h.Scale*h.Scale))
	if b.l.Joint && h.Decay != 0 {
		gg = b.joint(v, h, gg, float64(ww*float64(h.Decay*h.Decay)))
	}
	sum[1] += gg
}

// joint is the square of the norm of gradient and decay together, from those of either.
func (b larsBody[T]) joint(v *View[T], h *Hyper, gg, ww float64) float64 {
	apart := gg + ww
	joint := apart + float64(2*float64(h.Scale*h.Decay)*v.kernels.Dot(v.Weight, v.Grad))
	if joint > 1e-3*apart { // else they cancel, and so do the sums' digits
		return joint
	}
	joint = 0
	for i, g := range v.Grad {
		x := float64(h.Scale*float64(g)) + float64(h.Decay*float64(v.Weight[i]))
		joint += float64(x * x)
	}
	return joint
}

func (b larsBody[T]) Update(v *View[T], h *Hyper) {
	r := 1.0
	if !b.plain(v.Role) {
		w, g := math.Sqrt(h.Sum[0]), math.Sqrt(h.Sum[1])
		if w > 0 && g > 0 {
			if !b.l.Joint {
				g += float64(h.Decay * w)
			}
			r = b.l.Trust * w / g
		}
	}
	v.kernels.Momentum(v.Weight, v.State[0], v.Grad, kernel.Momentum{
		LR: h.LR * r, Scale: h.Scale, Decay: h.Decay, Mu: b.l.Mu, Folded: true,
	})
}
