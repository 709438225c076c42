package descent_test

// Sections 3.3 to 3.5 of the survey: AdaGrad, RMSProp, Adam, and Adadelta, which it names and leaves out.

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
)

// mixed is gradients of four weights: usual ones, tiny ones, huge ones, and one that is mostly zero.
func mixed(purpose string, steps int) [][]float64 {
	s := newNoise(purpose)
	g := s.table(steps, 4)
	for n := range g {
		g[n][1] *= 1e-7
		g[n][2] *= 1e9
		if n%5 != 2 {
			g[n][3] = 0
		}
	}
	return g
}

// agree compares a rule with the survey's formula over gradients: formula updates one weight i at step t = 1, 2, ....
func agree(t *testing.T, o optim.Optimizer, gradients [][]float64, formula func(t, i int, w, g float64) float64) {
	t.Helper()
	w := []float64{1, -2, 3, 0.5}
	way := walk(t, o, w, len(gradients), func(n int, _, g []float64) { copy(g, gradients[n]) })
	for n, g := range gradients {
		for i := range g {
			w[i] = formula(n+1, i, w[i], g[i])
		}
		near(t, "weights", way[n+1], w, 1e-12)
	}
}

// steps are the sizes of the updates of one weight under given gradients.
func steps(t *testing.T, o optim.Optimizer, n int, gradient func(step int) float64) []float64 {
	t.Helper()
	way := walk(t, o, []float64{0}, n, func(step int, _, g []float64) { g[0] = gradient(step) })
	sizes := make([]float64, n)
	for i := range sizes {
		sizes[i] = math.Abs(way[i+1][0] - way[i][0])
	}
	return sizes
}

func one(int) float64 { return 1 }

func TestSurveyAdaGrad(t *testing.T) {
	const α, ε = 0.1, 1e-8

	t.Run("w_(t+1,i) = w_t,i - α g_t,i by (sqrt(G_t,ii) + ε)", func(t *testing.T) {
		g2 := make([]float64, 4)
		agree(t, at(α, optim.AdaGrad{Epsilon: ε}), mixed("adagrad", 80), func(_, i int, w, g float64) float64 {
			g2[i] += g * g
			return w - α/(math.Sqrt(g2[i])+ε)*g
		})
	})

	t.Run("erratum: G_t,ii sums from unit i to time step t", func(t *testing.T) {
		// Over steps 1 to t, of weight i alone: what the other weights' gradients are changes nothing.
		alone := walk(t, at(α, optim.AdaGrad{Epsilon: ε}), []float64{1}, 20, func(n int, _, g []float64) { g[0] = float64(n%3) - 1.2 })
		crowd := walk(t, at(α, optim.AdaGrad{Epsilon: ε}), []float64{5, 1, 7}, 20, func(n int, _, g []float64) {
			g[0], g[1], g[2] = 100, float64(n%3)-1.2, -3
		})
		for n := range alone {
			if alone[n][0] != crowd[n][1] {
				t.Fatalf("step %d: %v alone, %v among others", n, alone[n][0], crowd[n][1])
			}
		}
	})

	t.Run("ε is a smoothing term that avoids division by zero", func(t *testing.T) {
		for _, ε := range []float64{1e-8, 0} {
			for n, size := range steps(t, at(α, optim.AdaGrad{Epsilon: ε}), 5, func(int) float64 { return 0 }) {
				if size != 0 {
					t.Errorf("ε = %v: step %d is %v with a gradient of zero", ε, n, size)
				}
			}
		}
	})

	t.Run("large updates for infrequent parameters and small updates for frequent parameters", func(t *testing.T) {
		frequent := steps(t, at(α, optim.AdaGrad{Epsilon: ε}), 100, one)
		infrequent := steps(t, at(α, optim.AdaGrad{Epsilon: ε}), 100, func(n int) float64 {
			if n%10 == 9 {
				return 1
			}
			return 0
		})
		near(t, "every step", frequent[99:], []float64{α / math.Sqrt(100)}, 1e-9)
		near(t, "every tenth", infrequent[99:], []float64{α / math.Sqrt(10)}, 1e-9)
	})

	t.Run("erratum: it divides by magnitude, not by frequency", func(t *testing.T) {
		// A weight with a gradient at every step that is a millionth as large moves as far.
		usual, tiny := steps(t, at(α, optim.AdaGrad{}), 50, one), steps(t, at(α, optim.AdaGrad{}), 50, func(int) float64 { return 1e-6 })
		near(t, "steps", tiny, usual, 1e-12)
	})

	t.Run("well-suited for problems with sparse gradients", func(t *testing.T) {
		ada, sgd := sparseLoss(t, optim.AdaGrad{Epsilon: ε}, 0.25, 0.5, 1), sparseSGD(t)
		t.Logf("loss on rare features, each at its best rate: AdaGrad %.1f, SGD %.1f", ada, sgd)
		if !(ada < 0.8*sgd) {
			t.Errorf("loss of AdaGrad %v, of SGD %v", ada, sgd)
		}
	})

	t.Run("this will lead to a reduction in the learning rate and eventually become infinitesimal", func(t *testing.T) {
		for n, size := range steps(t, at(α, optim.AdaGrad{Epsilon: ε}), 10000, one) {
			if want := α / math.Sqrt(float64(n+1)); math.Abs(size/want-1) > 1e-6 {
				t.Fatalf("step %d is %v, want α/sqrt(t) = %v", n+1, size, want)
			}
		}
	})

	t.Run("erratum: at this time the algorithm can no longer obtain additional knowledge", func(t *testing.T) {
		// Steps of α/sqrt(t) add up to 2 α sqrt(t), without end: slow, not over. And they shrink by what was seen: where gradients fade as
		// in the bottom of a bowl, AdaGrad gets there.
		far := walk(t, at(α, optim.AdaGrad{Epsilon: ε}), []float64{0}, 10000, func(_ int, _, g []float64) { g[0] = 1 })
		if sum := -far[10000][0]; math.Abs(sum/(2*α*100)-1) > 0.02 {
			t.Errorf("after 10,000 steps it has come %v, want about 2 α sqrt(t) = %v", sum, 2*α*100)
		}
		bowl := walk(t, at(1, optim.AdaGrad{Epsilon: ε}), []float64{3}, 2000, func(_ int, w, g []float64) { g[0] = w[0] })
		near(t, "bottom of a bowl", bowl[2000], []float64{0}, 1e-9)
	})

	t.Run("Adadelta can effectively solve this problem (erratum: not described here)", func(t *testing.T) {
		const ρ, ε = 0.95, 1e-6
		e, d := make([]float64, 4), make([]float64, 4)
		agree(t, at(1, optim.Adadelta{Rho: ρ, Epsilon: ε}), mixed("adadelta", 80), func(_, i int, w, g float64) float64 {
			e[i] = ρ*e[i] + (1-ρ)*g*g
			Δ := math.Sqrt(d[i]+ε) / math.Sqrt(e[i]+ε) * g
			d[i] = ρ*d[i] + (1-ρ)*Δ*Δ
			return w - Δ
		})
		if s := steps(t, at(1, optim.Adadelta{Rho: ρ, Epsilon: ε}), 5000, one); !(s[4999] >= s[100]) {
			t.Errorf("under a constant gradient step 100 is %v, step 5000 %v", s[100], s[4999])
		}
	})
}

// sparseLoss is the loss of a line on features of which the k-th is there in one row of k√k, much as words are in texts, after one pass over
// noisy rows, one at a time, at the best of some rates: the mean of five problems. The noise is not counted.
func sparseLoss(t *testing.T, rule optim.Rule, rates ...float64) float64 {
	return sparse(t, rates, func(rate float64) optim.Optimizer { return at(rate, rule) })
}

// sparseSGD is the better of SGD with one rate and with one that falls as AdaGrad's does.
func sparseSGD(t *testing.T) float64 {
	falling := sparse(t, []float64{1, 2, 4}, func(rate float64) optim.Optimizer {
		return optim.Optimizer{Rule: optim.SGD{}, LR: fallingRate(rate)}
	})
	return min(falling, sparseLoss(t, optim.SGD{}, 0.03, 0.06, 0.13, 0.25))
}

// fallingRate by sqrt(t).
type fallingRate float64

func (r fallingRate) At(p optim.Progress) float64 { return float64(r) / math.Sqrt(float64(p.Step+1)) }

func sparse(t *testing.T, rates []float64, optimizer func(rate float64) optim.Optimizer) float64 {
	t.Helper()
	const draws, rows, features = 5, 1000, 100
	s := newNoise("sparse")
	losses := make([]float64, len(rates))
	for range draws {
		w := s.table(1, features)[0]
		x, d, noisy := make([][]float64, rows), make([][]float64, rows), make([][]float64, rows)
		for c := range x {
			x[c], d[c] = make([]float64, features), []float64{0}
			for k := range x[c] {
				if s.uniform() < math.Pow(float64(k+1), -1.5) {
					x[c][k] = 1
					d[c][0] += w[k]
				}
			}
			noisy[c] = []float64{d[c][0] + 0.5*s.normal()}
		}
		for i, rate := range rates {
			n := bind(t, nn.Dense{Units: 1, NoBias: true}, nil, x, d, nn.Constant(0), 1)
			update := n.trainer(optimizer(rate))
			for c := range x {
				n.show(x[c:c+1], noisy[c:c+1])
				update()
			}
			n.show(x, d)
			losses[i] += n.pass() / draws
		}
	}
	return slices.Min(losses)
}

func TestSurveyRMSProp(t *testing.T) {
	const α, λ, ε = 0.01, 0.9, 1e-8

	t.Run("E_t = λ E_(t-1) + (1 - λ) g_t², w_(t+1,i) = w_t,i - α g_t,i by sqrt(E_t + ε)", func(t *testing.T) {
		e := make([]float64, 4)
		agree(t, at(α, optim.RMSProp{Rho: λ, Epsilon: ε, Survey: true}), mixed("rmsprop", 80), func(_, i int, w, g float64) float64 {
			e[i] = λ*e[i] + (1-λ)*g*g
			return w - α/math.Sqrt(e[i]+ε)*g
		})
	})

	t.Run("inhibits the rapid decline of the learning rate of AdaGrad", func(t *testing.T) {
		s := steps(t, at(α, optim.RMSProp{Rho: λ, Epsilon: ε}), 10000, one)
		near(t, "steps 1000 to 10000", []float64{s[999], s[9999]}, []float64{α, α}, 1e-6)
		// After some huge gradients AdaGrad is slow for ever, RMSProp for some dozens of steps.
		burst := func(n int) float64 {
			if n < 10 {
				return 1000
			}
			return 1
		}
		ada, rms := steps(t, at(α, optim.AdaGrad{}), 300, burst), steps(t, at(α, optim.RMSProp{Rho: λ}), 300, burst)
		if ada[299] > α/3000 || rms[299] < 0.99*α {
			t.Errorf("after a burst of gradients the steps are %v of α and %v of α", ada[299]/α, rms[299]/α)
		}
	})

	t.Run("erratum: restricts the window to some fixed size w, differential square weighted average", func(t *testing.T) {
		// There is no window: a gradient counts (1-λ) λ^k after k steps, for ever, 1/(1-λ) steps on average. One gradient of size 1, then
		// probes too small to matter: their steps tell what is left of the first.
		const probe = 1e-9
		for n, size := range steps(t, at(1, optim.RMSProp{Rho: λ}), 200, func(n int) float64 {
			if n == 0 {
				return 1
			}
			return probe
		}) {
			want := 1 / math.Sqrt((1-λ)*math.Pow(λ, float64(n)))
			if n > 0 {
				want *= probe
			}
			if math.Abs(size/want-1) > 1e-6 {
				t.Fatalf("after %d steps the update is %v, want %v", n, size, want)
			}
		}
	})

	t.Run("erratum: the sentence names Adadelta, the title is RMSPro, the lecture is left open", func(t *testing.T) {
		o, err := optim.Parse("rmsprop")
		if err != nil {
			t.Fatal(err)
		}
		if r := o.Rule.(optim.RMSProp); r.Rho != 0.9 || o.LR != optim.Constant(0.001) || !strings.Contains(r.Info().Source, "Tieleman and Hinton 2012") {
			t.Errorf("%v: the lecture has 0.9 and 0.001", o)
		}
	})

	t.Run("erratum: ε inside the root is not ε outside", func(t *testing.T) {
		// Gradients below sqrt(ε) = 1e-4 are no longer rescaled when ε is inside.
		small := func(int) float64 { return 1e-6 }
		outside, inside := steps(t, at(α, optim.RMSProp{Rho: λ, Epsilon: ε}), 100, small), steps(t, at(α, optim.RMSProp{Rho: λ, Epsilon: ε, Survey: true}), 100, small)
		near(t, "outside", outside[99:], []float64{α / 1.01}, 1e-4)
		near(t, "inside", inside[99:], []float64{α * 1e-6 / math.Sqrt(1e-12+1e-8)}, 1e-9)
	})
}

func TestSurveyAdam(t *testing.T) {
	const α, β1, β2, ε = 0.001, 0.9, 0.999, 1e-8
	survey := at(α, optim.Adam{Beta1: β1, Beta2: β2, Epsilon: ε, Survey: true})

	t.Run("m_t and v_t, corrected, w_(t+1) = w_t - α m̂_t by sqrt(v̂_t + ε)", func(t *testing.T) {
		m, v := make([]float64, 4), make([]float64, 4)
		agree(t, survey, mixed("adam", 80), func(t, i int, w, g float64) float64 {
			m[i] = β1*m[i] + (1-β1)*g
			v[i] = β2*v[i] + (1-β2)*g*g
			return w - α/math.Sqrt(v[i]/(1-math.Pow(β2, float64(t)))+ε)*(m[i]/(1-math.Pow(β1, float64(t))))
		})
	})

	t.Run("they are biased towards zero, so we need to counteract these biases", func(t *testing.T) {
		// Under a constant gradient of 3, m is 3 (1-β1^t) and v is 9 (1-β2^t), too small most of all at first; corrected they are 3 and 9
		// from the first step, and every step is α.
		for n, size := range steps(t, at(α, optim.Adam{Beta1: β1, Beta2: β2}), 2000, func(int) float64 { return 3 }) {
			if math.Abs(size/α-1) > 1e-9 {
				t.Fatalf("step %d is %v, want %v", n+1, size, α)
			}
		}
		// AMSGrad as published has no correction: v lags behind m, and early steps are several times too long.
		if s := steps(t, at(α, optim.AMSGrad{Beta1: β1, Beta2: β2, Paper: true}), 1, one); math.Abs(s[0]/α-(1-β1)/math.Sqrt(1-β2)) > 1e-6 {
			t.Errorf("without correction the first step is %v α", s[0]/α)
		}
	})

	t.Run("erratum: biased when the decay rate is small (i.e. β is close to 1)", func(t *testing.T) {
		// The decay is slow and its rate β large. The closer to 1, the longer the bias lasts: v reaches half of g² after ln ½ / ln β2 steps.
		for _, β := range []float64{0.9, 0.99, 0.999} {
			// RMSProp's mean of squares starts from zero and is not corrected: a step is α/sqrt(1-β^t), too long by what the bias is.
			s := steps(t, at(α, optim.RMSProp{Rho: β}), 3000, one)
			half := slices.IndexFunc(s, func(size float64) bool { return size < α*math.Sqrt2 }) + 1
			if want := math.Ceil(math.Log(0.5) / math.Log(β)); math.Abs(float64(half)-want) > 1 {
				t.Errorf("β = %v: half the bias is gone after %d steps, want %v", β, half, want)
			}
			near(t, "first step", s[:1], []float64{α / math.Sqrt(1-β)}, 1e-12)
		}
	})

	t.Run("combines the advantages of AdaGrad and RMSProp", func(t *testing.T) {
		// Without the mean of gradients it is RMSProp, corrected; with β2 at 1, but for the last digits, it divides by the root of the mean
		// of all squares so far: AdaGrad with a rate of α sqrt(t).
		gradients := mixed("limits", 60)
		e, sum := make([]float64, 4), make([]float64, 4)
		agree(t, at(α, optim.Adam{Beta2: β2}), gradients, func(t, i int, w, g float64) float64 {
			if e[i] = β2*e[i] + (1-β2)*g*g; e[i] == 0 {
				return w
			}
			return w - α*math.Sqrt(1-math.Pow(β2, float64(t)))/math.Sqrt(e[i])*g
		})
		w := []float64{1, -2, 3, 0.5}
		way := walk(t, at(α, optim.Adam{Beta2: 1 - 1e-9}), w, 60, func(n int, _, g []float64) { copy(g, gradients[n]) })
		for n, g := range gradients {
			for i := range g {
				if sum[i] += g[i] * g[i]; sum[i] > 0 {
					w[i] -= α * math.Sqrt(float64(n+1)) / math.Sqrt(sum[i]) * g[i]
				}
			}
			near(t, "β2 at 1", way[n+1], w, 1e-6)
		}
	})

	t.Run("erratum: ε inside the root, where Adam's paper has it outside", func(t *testing.T) {
		// A hundred steps from 1 in a bowl whose loss is multiplied by s: outside nothing changes until gradients are near ε, inside until
		// they are near its root.
		end := func(s float64, r optim.Rule) float64 {
			return walk(t, at(0.01, r), []float64{1}, 100, func(_ int, w, g []float64) { g[0] = s * w[0] })[100][0]
		}
		outside, inside := optim.Adam{Beta1: β1, Beta2: β2, Epsilon: 1e-8}, optim.Adam{Beta1: β1, Beta2: β2, Epsilon: 1e-8, Survey: true}
		for s, want := range map[float64][2]float64{1: {0.2245, 0.2245}, 1e-3: {0.2245, 0.2287}, 1e-5: {0.2251, 0.9045}, 1e-7: {0.2843, 0.9990}} {
			near(t, "outside and inside", []float64{end(s, outside), end(s, inside)}, want[:], 6e-5)
		}
		inside.Epsilon = 1e-16
		near(t, "the survey's form with ε = 1e-16", []float64{end(1e-5, inside)}, []float64{0.2245}, 1e-3)
	})

	t.Run("erratum: weight decay adds a penalty on the weights", func(t *testing.T) {
		// For SGD that is all there is to it. Adam divides the penalty's gradient by its size, so that without another gradient every weight
		// shrinks by α a step, however small the decay; AdamW shrinks it by α times decay, its share.
		end := func(o optim.Optimizer, decay optim.Decay) float64 {
			o.Decay = decay
			return walk(t, o, []float64{1}, 10, func(_ int, _, g []float64) { g[0] = 0 })[10][0]
		}
		for _, rate := range []float64{0.01, 0.1} {
			penalty := optim.Decay{Rate: rate, Coupled: true}
			share := math.Pow(1-α*rate, 10)
			near(t, "SGD", []float64{end(optim.NewSGD(α), penalty), end(optim.NewSGD(α), optim.Decay{Rate: rate})}, []float64{share, share}, 1e-12)
			near(t, "Adam", []float64{end(optim.NewAdam(α), penalty)}, []float64{1 - 10*α}, 1e-4)
			near(t, "AdamW", []float64{end(optim.NewAdamW(α), optim.Decay{Rate: rate})}, []float64{share}, 1e-12)
		}
	})

	t.Run("adaptive methods generally perform worse than SGD with momentum (erratum: a theorem on one problem, contested in general)", func(t *testing.T) {
		// Wilson et al. 2017, section 3.1: the first feature is the class, the next two are always 1, and each row has features of its own,
		// one of class 1 and five of class -1. All methods fit the training rows. SGD with momentum finds the first feature; the adaptive
		// ones give all features of a row one weight and answer the larger class whatever they see.
		const rows = 100
		s := newNoise("wilson")
		x, d := make([][]float64, rows), make([][]float64, rows)
		for c := range x {
			x[c], d[c] = make([]float64, 3+5*rows), []float64{1}
			private := 1
			if s.uniform() > 0.6 {
				d[c][0], private = -1, 5
			}
			x[c][0], x[c][1], x[c][2] = d[c][0], 1, 1
			for k := range private {
				x[c][3+5*c+k] = 1
			}
		}
		for name, o := range map[string]optim.Optimizer{
			"momentum": at(0.002, optim.Momentum{Mu: 0.9}), "adagrad": at(0.02, optim.AdaGrad{Epsilon: 1e-12}), "adam": at(0.001, optim.Adam{Beta1: β1, Beta2: β2, Epsilon: 1e-12}),
		} {
			n := bind(t, nn.Dense{Units: 1, NoBias: true}, nil, x, d, nn.Constant(0), 1)
			update := n.trainer(o)
			for range 600 {
				update()
			}
			wrong := 0
			for c, y := range n.outputs() {
				if y*d[c][0] <= 0 {
					wrong++
				}
			}
			w := n.weight("weight")
			// A new row has the first three features alone that training knew.
			yes, no := w[0]+w[1]+w[2], -w[0]+w[1]+w[2]
			t.Logf("%s: %d training rows wrong; a new row of class 1 gives %.3f, of class -1 %.3f", name, wrong, yes, no)
			if right := yes > 0 && no < 0; right != (name == "momentum") || wrong != 0 {
				t.Errorf("%s: %d of %d training rows are wrong; a new row of class 1 gives %v, of class -1 %v", name, wrong, rows, yes, no)
			}
		}
	})
}
