package descent_test

// Sections 3.1 and 3.2 of the survey: gradient descent, stochastic gradient descent, momentum.

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/surface"
	"github.com/descent-go/descent/train"
)

// regression is a problem that a line solves: rows x of normal numbers and d = w x with noise of the given size.
func regression(purpose string, rows, columns int, size float64) (x, d [][]float64) {
	s := newNoise(purpose)
	x = s.table(rows, columns)
	w := s.table(1, columns)[0]
	for _, r := range x {
		sum := size * s.normal()
		for i := range r {
			sum += w[i] * r[i]
		}
		d = append(d, []float64{sum})
	}
	return x, d
}

// steepest is the largest curvature of L for a line without bias on rows x: the largest eigenvalue of Σ_c x_c x_cᵀ.
func steepest(x [][]float64) float64 {
	v := make([]float64, len(x[0]))
	for i := range v {
		v[i] = 1
	}
	norm := 0.0
	for range 2000 {
		next := make([]float64, len(v))
		for _, r := range x {
			along := 0.0
			for i := range r {
				along += r[i] * v[i]
			}
			for i := range r {
				next[i] += along * r[i]
			}
		}
		norm = 0
		for _, a := range next {
			norm += a * a
		}
		norm = math.Sqrt(norm)
		for i := range next {
			v[i] = next[i] / norm
		}
	}
	return norm
}

// well has two minima: the lower near -1.06, the other near 0.93, with a hill between at 0.13.
func wellSlope(w float64) float64 { return 4*w*w*w - 4*w + 0.5 }

const (
	hill      = 0.1266
	lowerWell = -1.0574
	upperWell = 0.9304
)

// followSlope walks along a function of one variable.
func followSlope(t testing.TB, o optim.Optimizer, start float64, steps int, slope func(step int, w float64) float64) []float64 {
	t.Helper()
	var way []float64
	for _, w := range walk(t, o, []float64{start}, steps, func(n int, w, g []float64) { g[0] = slope(n, w[0]) }) {
		way = append(way, w[0])
	}
	return way
}

func TestSurveyGradientDescent(t *testing.T) {
	x, d := regression("gradient descent", 60, 6, 0.1)
	line := nn.Dense{Units: 1, NoBias: true}
	curved := nn.Sequence{nn.Dense{Units: 4}, nn.Sigmoid{}, nn.Dense{Units: 1}}

	t.Run("w_i = w_i + Δw_i, Δw_i = -α times the gradient", func(t *testing.T) {
		n := bind(t, curved, nil, x, d, nn.Uniform{Low: -1, High: 1}, 1)
		step := n.trainer(optim.NewSGD(0.003))
		for range 5 {
			var want [][]float64
			n.pass()
			for _, p := range n.plan.Weights().Params() {
				w := slices.Clone(n.weight(p.Path))
				for i, g := range n.gradient(p.Path) {
					w[i] += -0.003 * g
				}
				want = append(want, w)
			}
			step()
			for k, p := range n.plan.Weights().Params() {
				near(t, p.Path, n.weight(p.Path), want[k], 1e-14)
			}
		}
	})

	t.Run("changing the weight value in this direction will make the loss larger; the steepest rising direction", func(t *testing.T) {
		n := bind(t, curved, nil, x, d, nn.Uniform{Low: -1, High: 1}, 1)
		before := n.pass()
		const path, length = "dense1/weight", 1e-4
		w, g := n.weight(path), slices.Clone(n.gradient(path))
		old := slices.Clone(w)
		rise := func(direction []float64, sign float64) float64 {
			norm := 0.0
			for _, a := range direction {
				norm += a * a
			}
			for i := range w {
				w[i] = old[i] + sign*length*direction[i]/math.Sqrt(norm)
			}
			n.plan.Weights().Changed()
			return n.pass() - before
		}
		most := rise(g, 1)
		if most <= 0 || rise(g, -1) >= 0 {
			t.Errorf("along the gradient the loss changes by %v, against it by %v", most, rise(g, -1))
		}
		s := newNoise("directions")
		for range 200 {
			if r := rise(s.table(1, len(w))[0], 1); r >= most {
				t.Fatalf("another direction rises by %v, the gradient by %v", r, most)
			}
		}
	})

	t.Run("too small it will be slow to find the minimum, too large it will diverge on both sides of the extreme point", func(t *testing.T) {
		// On a parabola of curvature λ each step multiplies the distance by 1 - αλ: convergence below α = 2/λ, past 1/λ from side to side.
		const λ = 4.0
		after := func(rate float64) []float64 {
			return followSlope(t, optim.NewSGD(rate), 1, 100, func(_ int, w float64) float64 { return λ * w })
		}
		for _, share := range []float64{0.002, 0.1, 0.9, 1.1, 1.98, 2, 2.02} {
			w := after(share / λ)
			for n := range w {
				if want := math.Pow(1-share, float64(n)); math.Abs(w[n]-want) > 1e-9*max(1, math.Abs(want)) {
					t.Fatalf("rate %v/λ, step %d: %v, want %v", share, n, w[n], want)
				}
			}
		}
		if slow := after(0.002 / λ); slow[100] < 0.8 {
			t.Errorf("a rate of 0.002/λ is at %v after 100 steps", slow[100])
		}
		// The same limit for a network: its largest curvature decides.
		limit := 2 / steepest(x)
		for share, converges := range map[float64]bool{0.5: true, 0.98: true, 1.02: false, 1.5: false} {
			n := bind(t, line, nil, x, d, nil, 1)
			step := n.trainer(optim.NewSGD(share * limit))
			first, last := step(), 0.0
			for range 2000 {
				if last = step(); last > 1e6*first {
					break
				}
			}
			if (last < first) != converges {
				t.Errorf("rate %v of 2/λ: the loss goes from %v to %v", share, first, last)
			}
		}
	})

	t.Run("if there are multiple local minima there is no guarantee to find the global minimum", func(t *testing.T) {
		for start, want := range map[float64]float64{-2: lowerWell, 0: lowerWell, hill + 0.01: upperWell, 2: upperWell} {
			way := followSlope(t, optim.NewSGD(0.02), start, 1000, func(_ int, w float64) float64 { return wellSlope(w) })
			near(t, fmt.Sprintf("from %v", start), way[1000:], []float64{want}, 1e-3)
		}
	})

	t.Run("if the learning rate is too large it may overshoot the global minimum and get stuck at a local minimum", func(t *testing.T) {
		// From -2 the first step is 23.5 α long: with 0.13 it lands at 1.06, behind the hill.
		for rate, want := range map[float64]float64{0.01: lowerWell, 0.13: upperWell} {
			way := followSlope(t, optim.NewSGD(rate), -2, 2000, func(_ int, w float64) float64 { return wellSlope(w) })
			near(t, fmt.Sprintf("rate %v", rate), way[2000:], []float64{want}, 1e-3)
		}
	})

	t.Run("on the other hand, if it is too small, convergence may be slow and the process may get stuck", func(t *testing.T) {
		way := followSlope(t, optim.NewSGD(1e-5), hill+0.05, 1000, func(_ int, w float64) float64 { return wellSlope(w) })
		if math.Abs(way[1000]-upperWell) < 0.5 {
			t.Errorf("is at %v after 1000 steps", way[1000])
		}
	})
}

// given is rows as they are, in float64: nothing is scaled.
type given struct{ x, d [][]float64 }

func (s given) Fields() []engine.Field {
	return []engine.Field{
		{Name: "x", Type: engine.Type{Shape: engine.Shape{len(s.x[0])}}},
		{Name: "d", Type: engine.Type{Shape: engine.Shape{len(s.d[0])}}, Use: engine.Target},
	}
}

func (s given) Len() int { return len(s.x) }

func (s given) Read(rows []int, to []engine.Tensor) error {
	for _, t := range to {
		from := s.x
		if t.Name == "d" {
			from = s.d
		}
		for k, r := range rows {
			copy(t.F64[k*len(from[r]):], from[r])
		}
	}
	return nil
}

// lineSession is a training of a line without bias, from zero, on rows; how rows become batches is train's.
func lineSession(t testing.TB, x, d [][]float64, batch train.Batch, rate optim.Schedule, replace bool) *train.Session {
	t.Helper()
	s, err := train.Bind(train.Config{
		Dataset: given{x, d}, Split: data.Split{NoTest: true, NoValidation: true},
		Model: nn.Dense{Units: 1, NoBias: true, Init: nn.Constant(0)}, Loss: nn.HalfSquares{}, SumLoss: true,
		Optimizer: optim.Optimizer{Rule: optim.SGD{}, LR: rate}, Batch: batch, Replace: replace,
		Epochs: 1000, Precision: train.Float64, Threads: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func step(t testing.TB, s *train.Session) engine.Sum {
	t.Helper()
	sum, err := s.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// errorsOf is y - d of a line, a row each.
func errorsOf(s *train.Session, x, d [][]float64) []float64 {
	w := s.Weights().Keep()[0].F64
	var e []float64
	for c, r := range x {
		y := 0.0
		for i := range r {
			y += w[i] * r[i]
		}
		e = append(e, y-d[c][0])
	}
	return e
}

// total is L of a line: ½ Σ (y - d)².
func total(s *train.Session, x, d [][]float64) float64 {
	loss := 0.0
	for _, e := range errorsOf(s, x, d) {
		loss += e * e / 2
	}
	return loss
}

func TestSurveyStochasticGradientDescent(t *testing.T) {
	x, d := regression("SGD", 60, 6, 0.5)

	t.Run("gradient descent needs to traverse the entire data set when updating", func(t *testing.T) {
		s := lineSession(t, x, d, train.Full, optim.Constant(0.001), false)
		if n := s.StepsPerEpoch(); n != 1 {
			t.Errorf("%d updates an epoch", n)
		}
		before := errorsOf(s, x, d)
		if sum := step(t, s); sum.Weight != 60 {
			t.Errorf("an update has seen %v rows", sum.Weight)
		}
		want := make([]float64, 6)
		for c, r := range x {
			for i := range r {
				want[i] -= 0.001 * before[c] * r[i]
			}
		}
		near(t, "update", s.Weights().Keep()[0].F64, want, 1e-13)
	})

	t.Run("update according to each individual training sample, L = ½ Σ_j (y_j,ci - d_j,ci)², ci randomly selected", func(t *testing.T) {
		for _, replace := range []bool{false, true} {
			s := lineSession(t, x, d, 1, optim.Constant(0.01), replace)
			if n := s.StepsPerEpoch(); n != 60 {
				t.Errorf("%d updates an epoch", n)
			}
			var epochs [2][]int
			for epoch := range epochs {
				for range 60 {
					before, w := errorsOf(s, x, d), s.Weights().Keep()[0].F64
					loss := step(t, s).Loss
					ci := slices.IndexFunc(before, func(e float64) bool { return math.Abs(e*e/2-loss) < 1e-12 })
					if ci < 0 {
						t.Fatalf("the loss of an update is %v, that of no sample", loss)
					}
					for i := range w {
						w[i] -= 0.01 * before[ci] * x[ci][i]
					}
					near(t, "update", s.Weights().Keep()[0].F64, w, 1e-13)
					epochs[epoch] = append(epochs[epoch], ci)
				}
			}
			if slices.Equal(epochs[0], epochs[1]) || slices.IsSorted(epochs[0]) {
				t.Error("the order of samples is not random")
			}
			// The survey does not say which: as we do it unless told otherwise, each sample comes once an epoch.
			slices.Sort(epochs[0])
			if once := len(slices.Compact(epochs[0])) == 60; once == replace {
				t.Errorf("drawn with replacement: %v; each sample came once: %v", replace, once)
			}
		}
	})

	t.Run("erratum: in practice a step sees a small batch, neither one sample nor all", func(t *testing.T) {
		s := lineSession(t, x, d, 16, optim.Constant(0.001), false)
		var sizes []float64
		for range s.StepsPerEpoch() {
			sizes = append(sizes, step(t, s).Weight)
		}
		if !slices.Equal(sizes, []float64{16, 16, 16, 12}) {
			t.Errorf("batches of %v", sizes)
		}
	})

	// after is the loss after so many epochs, least the smallest that a line has.
	after := func(x, d [][]float64, batch train.Batch, rate optim.Schedule, epochs float64) float64 {
		s := lineSession(t, x, d, batch, rate, false)
		for s.Epoch() < epochs {
			step(t, s)
		}
		return total(s, x, d)
	}
	least := func(x, d [][]float64) float64 { return after(x, d, train.Full, optim.Constant(1.8/steepest(x)), 1500) }

	t.Run("gradient descent converges more slowly than SGD, especially with large datasets", func(t *testing.T) {
		// 2,000 rows, whose columns shrink so that the condition number is about 100.
		x, d := regression("large", 2000, 6, 0.5)
		for _, r := range x {
			for i := range r {
				r[i] *= math.Pow(10, -float64(i)/5)
			}
		}
		limit, minimum := 2/steepest(x), least(x, d)
		above := func(batch train.Batch, rates ...float64) float64 {
			best := math.Inf(1)
			for _, r := range rates {
				best = min(best, after(x, d, batch, optim.Constant(r), 3)-minimum)
			}
			return best
		}
		full, one := above(train.Full, 0.3*limit, 0.5*limit, 0.8*limit, 0.95*limit), above(1, 0.001, 0.003, 0.01, 0.03)
		t.Logf("loss above the minimum after 3 passes: gradient descent %.3g, SGD %.3g", full, one)
		if !(one < full/10) {
			t.Errorf("after 3 passes at its best rate SGD is %v above the minimum, gradient descent %v", one, full)
		}
	})

	t.Run("erratum: near the minimum gradient descent is linear, and SGD with one rate stalls at a noise floor", func(t *testing.T) {
		x, d := regression("floor", 500, 4, 0.5)
		minimum := least(x, d)
		above := func(batch train.Batch, rate optim.Schedule, epochs float64) float64 {
			return after(x, d, batch, rate, epochs) - minimum
		}
		full := above(train.Full, optim.Constant(1/steepest(x)), 100)
		one, smaller := above(1, optim.Constant(0.02), 30), above(1, optim.Constant(0.002), 30)
		falling := above(1, optim.Linear{LR: 0.02, End: 1e-5, Steps: 15000}, 30)
		t.Logf("loss above the minimum: gradient descent %.3g; SGD %.3g, at a tenth of the rate %.3g, with a falling rate %.3g", full, one, smaller, falling)
		if full > 1e-9 || one < 0.1 || smaller > one/3 || falling > one/30 {
			t.Errorf("above the minimum: gradient descent %v; SGD %v, at a tenth of the rate %v, with a falling rate %v", full, one, smaller, falling)
		}
	})

	t.Run("SGD is more sensitive to the learning rate", func(t *testing.T) {
		// A rate per row at which gradient descent converges with a factor two to spare: each single row is far longer than the average
		// curvature allows, and SGD diverges.
		wide, answers := regression("wide", 200, 20, 0)
		rate := 1 / steepest(wide)
		full, one := lineSession(t, wide, answers, train.Full, optim.Constant(rate), false), lineSession(t, wide, answers, 1, optim.Constant(200*rate), false)
		first := total(full, wide, answers)
		for range 100 {
			step(t, full)
		}
		if loss := total(full, wide, answers); loss > 1e-3*first {
			t.Errorf("gradient descent is at %v of its first loss", loss/first)
		}
		for range 100 {
			step(t, one)
		}
		if loss := total(one, wide, answers); loss < 1e6*first {
			t.Errorf("SGD is at %v of its first loss", loss/first)
		}
	})

	t.Run("erratum: noise as a cause of getting stuck at local minima", func(t *testing.T) {
		// From the bottom of the upper well. Without noise the weight stays there for ever; with it, it finds over the hill.
		const runs = 50
		s, lower := newNoise("escape"), 0
		for range runs {
			way := followSlope(t, optim.NewSGD(0.02), upperWell, 2000, func(_ int, w float64) float64 { return wellSlope(w) + 5.5*s.normal() })
			if way[2000] < hill {
				lower++
			}
		}
		still := followSlope(t, optim.NewSGD(0.02), upperWell, 2000, func(_ int, w float64) float64 { return wellSlope(w) })
		if lower < 40 || still[2000] < hill {
			t.Errorf("%d of %d noisy walks are in the lower well; the quiet one is at %v", lower, runs, still[2000])
		}
	})
}

func TestSurveyMomentum(t *testing.T) {
	const γ, α = 0.9, 0.02
	s := newNoise("momentum")
	gradients := s.table(60, 3)
	feed := func(n int, _, g []float64) { copy(g, gradients[n]) }
	constant := func(_ int, _, g []float64) { g[0] = 1 }

	t.Run("v_t = γ v_(t-1) + α g, w_i = w_i - v_t", func(t *testing.T) {
		way := walk(t, at(α, optim.Momentum{Mu: γ, Survey: true}), []float64{1, 2, 3}, 60, feed)
		v, w := make([]float64, 3), []float64{1, 2, 3}
		for n, g := range gradients {
			for i := range g {
				v[i] = γ*v[i] + α*g[i]
				w[i] -= v[i]
			}
			near(t, "w", way[n+1], w, 1e-13)
		}
	})

	t.Run("erratum: adding a portion of the past weight to the new weight", func(t *testing.T) {
		// Of the past update: w_(t+1) - w_t = γ (w_t - w_(t-1)) - α g.
		way := walk(t, at(α, optim.Momentum{Mu: γ, Survey: true}), []float64{1, 2, 3}, 60, feed)
		for n := 1; n < 60; n++ {
			for i := range 3 {
				update, past := way[n+1][i]-way[n][i], way[n][i]-way[n-1][i]
				near(t, "update", []float64{update}, []float64{γ*past - α*gradients[n][i]}, 1e-13)
			}
		}
	})

	t.Run("erratum: α inside the velocity, where the field has it outside", func(t *testing.T) {
		// The same way while the rate stays; after it falls by ten, 3.8 against 0.5 in the next five steps.
		field, survey := optim.Momentum{Mu: γ}, optim.Momentum{Mu: γ, Survey: true}
		one, other := walk(t, at(α, field), []float64{1, 2, 3}, 60, feed), walk(t, at(α, survey), []float64{1, 2, 3}, 60, feed)
		for n := range one {
			near(t, "constant rate", one[n], other[n], 1e-12)
		}
		rates := make(rateList, 205)
		for n := range rates {
			rates[n] = 1
			if n >= 200 {
				rates[n] = 0.1
			}
		}
		for form, want := range map[optim.Momentum]float64{field: 0.5 * 10, survey: 3.8 * 10} {
			way := walk(t, optim.Optimizer{Rule: form, LR: rates}, []float64{0}, 205, constant)
			if moved := way[200][0] - way[205][0]; math.Abs(moved/want-1) > 0.1 {
				t.Errorf("%+v moves %v in the five steps after the drop, want %v", form, moved, want)
			}
		}
	})

	t.Run("γ is usually set to 0.9", func(t *testing.T) {
		o, err := optim.Parse("momentum")
		if err != nil || o.Rule.(optim.Momentum).Mu != 0.9 {
			t.Errorf("%v, %v", o, err)
		}
	})

	t.Run("increase in the dimension where the gradient points in the same direction, reduce where it changes direction", func(t *testing.T) {
		way := walk(t, at(α, optim.Momentum{Mu: γ, Survey: true}), []float64{0, 0}, 300, func(n int, _, g []float64) {
			g[0], g[1] = 1, 1-2*float64(n%2)
		})
		last := func(i int) float64 { return math.Abs(way[300][i] - way[299][i]) }
		near(t, "same direction", []float64{last(0)}, []float64{α / (1 - γ)}, 1e-12)
		near(t, "changing direction", []float64{last(1)}, []float64{α / (1 + γ)}, 1e-12)
	})

	ravine, err := surface.Ravine(100)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(f surface.Function, o optim.Optimizer, start []float64, steps int) surface.Path {
		t.Helper()
		p, err := surface.Follow(f, o, start, steps)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// crossings of the ravine's bottom, and the way across it, from some step on.
	crossings := func(p surface.Path) (n int, way float64) {
		for i := 1; i < len(p.Points); i++ {
			if p.Points[i][1]*p.Points[i-1][1] < 0 {
				n++
			}
			way += math.Abs(p.Points[i][1] - p.Points[i-1][1])
		}
		return n, way
	}

	t.Run("SGD oscillates across the slopes of the ravine while making hesitant progress along the bottom", func(t *testing.T) {
		p := follow(ravine, optim.NewSGD(1.98/100), nil, 100)
		if n, _ := crossings(p); n != 100 {
			t.Errorf("crosses the bottom at %d of 100 steps", n)
		}
		if left := p.Points[100][0] / p.Points[0][0]; left < 0.13 || left > 0.14 { // 0.9802^100
			t.Errorf("%v of the way along the bottom is left", left)
		}
	})

	t.Run("momentum suppresses oscillations and improves convergence speed, as in Figure 1", func(t *testing.T) {
		sgd, momentum := follow(ravine, optim.NewSGD(1.98/100), nil, 100), follow(ravine, at(1.98/100, optim.Momentum{Mu: γ}), nil, 100)
		n1, way1 := crossings(sgd)
		n2, way2 := crossings(momentum)
		if !(n2 < n1 && way2 < way1/2) {
			t.Errorf("SGD crosses %d times, %v in all; momentum %d times, %v", n1, way1, n2, way2)
		}
		// It still converges at rates at which SGD has long diverged: up to 2(1+γ)/λ in place of 2/λ.
		for rate, converges := range map[float64]bool{3.0: true, 3.7: true, 3.9: false} {
			p := follow(ravine, at(rate/100, optim.Momentum{Mu: γ}), nil, 2000)
			if end := math.Abs(p.Points[2000][1]); (end < 1e-3) != converges {
				t.Errorf("momentum at %v/λ ends at %v across", rate, end)
			}
		}
		if _, diverged := follow(ravine, optim.NewSGD(3.0/100), nil, 100).Diverged(); !diverged {
			t.Error("SGD at 3/λ does not diverge")
		}
		// At the best rates of each, with curvatures 1 and κ: a thousandfold ravine takes SGD κ/2 ln(1/ε) steps, momentum about √κ/2.
		const κ = 1000.0
		deep, err := surface.Ravine(κ)
		if err != nil {
			t.Fatal(err)
		}
		root := math.Sqrt(κ)
		μ := math.Pow((root-1)/(root+1), 2)
		n1, _ = follow(deep, optim.NewSGD(2/(1+κ)), []float64{1, 1}, 8000).Reached(math.Sqrt2 * 1e-6)
		n2, _ = follow(deep, at(math.Pow(2/(1+root), 2), optim.Momentum{Mu: μ}), []float64{1, 1}, 8000).Reached(math.Sqrt2 * 1e-6)
		t.Logf("steps to 1e-6 of the distance at κ = 1000: SGD %d, momentum %d", n1, n2)
		if n1 < 6900 || n1 > 6920 || n2 > 350 {
			t.Errorf("steps to 1e-6 of the distance: SGD %d, momentum %d; 6908 and at most 350 are wanted", n1, n2)
		}
	})

	t.Run("avoid falling into local minima (erratum: it may roll through a shallow one, and does not climb out of one)", func(t *testing.T) {
		roll := func(o optim.Optimizer, start float64) float64 {
			return followSlope(t, o, start, 3000, func(_ int, w float64) float64 { return wellSlope(w) })[3000]
		}
		for start, want := range map[float64]float64{2: lowerWell, 1.2: upperWell} {
			near(t, fmt.Sprintf("momentum from %v", start), []float64{roll(at(0.005, optim.Momentum{Mu: γ}), start)}, []float64{want}, 1e-3)
			near(t, fmt.Sprintf("SGD from %v", start), []float64{roll(optim.NewSGD(0.005), start)}, []float64{upperWell}, 1e-3)
		}
	})
}
