package optimtest

// The laws about where a rule goes: to the numbers of its formula, to a minimum, elsewhere when the loss is scaled or weights decay.

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

// formula compares 20 steps, without decay and with it in the rule's hands, with the loop.
func formula(c Case) error {
	if c.Formula == nil {
		return nil
	}
	for _, rate := range []float64{0, 0.03} {
		rows := large
		if rate > 0 {
			rows = 4 // that pieces come together has been seen
		}
		o := c.Optimizer
		o.Decay = optim.Decay{Rate: rate, All: true, Coupled: rate > 0 && !o.Rule.Info().OwnDecay}
		for _, from := range []struct {
			name   string
			source source
			rows   int
		}{{"noise", noise, rows}, {"zeros, huge and tiny gradients", extremes, 4}} {
			for _, p := range c.precisions() {
				b, err := newBenchOf(from.rows, o, p, nil)
				if err != nil {
					return err
				}
				b.source = from.source
				// Huge gradients make huge steps; what can be asked for is precision relative to where a weight has been.
				tolerance := 1e-12
				if p == engine.Float32 {
					tolerance = 2e-5
				}
				if err := followsFormula(c.Formula, b, rate, tolerance); err != nil {
					return fmt.Errorf("%s, decay %v, %v: %w", from.name, rate, p, err)
				}
			}
		}
	}
	return nil
}

func followsFormula(f Formula, b *bench, decay, tolerance float64) error {
	want := b.values()
	size := make([]float64, len(want)) // the largest value that each has had
	for i, w := range want {
		size[i] = math.Abs(w)
	}
	var updates []func(optim.Hyper, []float64, []float64)
	for _, p := range b.weights.Params() {
		updates = append(updates, f(p))
	}
	for step := 1; step <= 20; step++ {
		at := b.step
		if err := b.next(); err != nil {
			return err
		}
		start := 0
		for k, p := range b.weights.Params() {
			w := want[start : start+p.Size()]
			start += p.Size()
			if p.Frozen {
				continue
			}
			g := make([]float64, p.Size())
			gradient := b.source(at, p)
			for i := range g {
				g[i] = gradient(i)
			}
			updates[k](optim.Hyper{Step: step, LR: b.stepper.LR(), Decay: decay}, w, g)
		}
		for i, got := range b.values() {
			size[i] = max(size[i], math.Abs(want[i]))
			if off := math.Abs(got - want[i]); !(off <= tolerance*size[i]) {
				return fmt.Errorf("step %d, %s: %v, the formula says %v", step, b.place(i), got, want[i])
			}
		}
	}
	return nil
}

func converges(c Case) error {
	if c.Rate != 0 {
		c.Optimizer.LR = optim.Constant(c.Rate)
	}
	return c.everywhere(func(p engine.Precision) error {
		b, err := newBenchOf(4, c.Optimizer, p, nil)
		if err != nil {
			return err
		}
		// Half the squared distance from a point, with curvatures of 1/2, 1 and 2: the gradient is curvature times distance.
		var goal, curvature []float64
		first := map[string]int{}
		for _, q := range b.weights.Params() {
			first[q.Path] = len(goal)
			r := engine.NewRand(3, q.Path)
			for i := range q.Size() {
				goal = append(goal, r.Normal(2, i))
				curvature = append(curvature, math.Exp2(float64(i%3-1)))
			}
		}
		var at []float64
		loss := func() float64 {
			at = b.values()
			sum := 0.0
			for _, q := range b.weights.Params() {
				for i := first[q.Path]; i < first[q.Path]+q.Size() && !q.Frozen; i++ {
					sum += curvature[i] * (at[i] - goal[i]) * (at[i] - goal[i]) / 2
				}
			}
			return sum
		}
		b.source = func(_ int, q engine.Param) func(int) float64 {
			start := first[q.Path]
			return func(i int) float64 { return curvature[start+i] * (at[start+i] - goal[start+i]) }
		}
		start := loss()
		for step := range 1000 {
			if err := b.next(); err != nil {
				return err
			}
			if now := loss(); now < 0.01*start {
				return nil
			} else if math.IsNaN(now) {
				return fmt.Errorf("step %d: the loss is NaN", step)
			}
		}
		return fmt.Errorf("after 1000 steps the loss is %v, it was %v at first", loss(), start)
	})
}

func precisions(c Case) error {
	if len(c.precisions()) < 2 {
		return nil
	}
	var v [2][]float64
	var b *bench
	for i, p := range c.precisions() {
		var err error
		if b, err = newBench(c.Optimizer, p, nil); err != nil {
			return err
		}
		if err := b.run(5); err != nil {
			return err
		}
		v[i] = b.values()
	}
	for i := range v[0] {
		if off := math.Abs(v[0][i] - v[1][i]); !(off <= 1e-4*(1+math.Abs(v[1][i]))) {
			return fmt.Errorf("%s: %v in float32, %v in float64", b.place(i), v[0][i], v[1][i])
		}
	}
	return nil
}

func scaled(c Case) error {
	if c.Scaling == Neither {
		return nil
	}
	if c.Scaled != nil {
		c.Optimizer.Rule = c.Scaled
	}
	const by = 24
	p := c.precisions()[len(c.precisions())-1]
	var moved [2][]float64
	var b *bench
	for i, scale := range []float64{1, by} {
		var err error
		if b, err = newBench(c.Optimizer, p, nil); err != nil {
			return err
		}
		b.scale = scale
		moved[i] = b.values()
		if err := b.run(4); err != nil {
			return err
		}
		for k, x := range b.values() {
			moved[i][k] = x - moved[i][k]
		}
	}
	factor := 1.0
	if c.Scaling == Linear {
		factor = by
	}
	for i := range moved[0] {
		if want := factor * moved[0][i]; math.Abs(moved[1][i]-want) > 1e-9*(1e-3+math.Abs(want)) {
			return fmt.Errorf("%s moves by %v; with the loss times %d by %v, %v is wanted", b.place(i), moved[0][i], by, moved[1][i], want)
		}
	}
	return nil
}

// decays checks the first step: decoupled decay shrinks and nothing else; coupled decay is a part of the gradient.
func decays(c Case) error {
	if c.Optimizer.Rule.Info().OwnDecay {
		return nil
	}
	const rate = 0.25
	p := c.precisions()[len(c.precisions())-1]
	step := func(d optim.Decay, from source) (b *bench, before []float64, err error) {
		o := c.Optimizer
		o.Decay = d
		if b, err = newBench(o, p, nil); err != nil {
			return nil, nil, err
		}
		before = b.values()
		if b.source = from; from == nil { // noise, with the decay in it
			first, at := map[string]int{}, 0
			for _, q := range b.weights.Params() {
				first[q.Path] = at
				at += q.Size()
			}
			b.source = func(step int, q engine.Param) func(int) float64 {
				g, w := noise(step, q), before[first[q.Path]:]
				return func(i int) float64 { return g(i) + rate*w[i] }
			}
		}
		return b, before, b.next()
	}
	b, before, err := step(optim.Decay{Rate: rate}, zeros)
	if err != nil {
		return err
	}
	at := 0
	got := b.values()
	for _, q := range b.weights.Params() {
		shrink := 1 - b.stepper.LR()*rate
		if q.Frozen || q.Role == engine.Bias || q.Role == engine.Norm {
			shrink = 1
		}
		for range q.Size() {
			if math.Abs(got[at]-shrink*before[at]) > 1e-12 {
				return fmt.Errorf("decoupled: %s goes from %v to %v, %v is wanted", b.place(at), before[at], got[at], shrink*before[at])
			}
			at++
		}
	}
	coupled, _, err := step(optim.Decay{Rate: rate, Coupled: true, All: true}, noise)
	if err != nil {
		return err
	}
	sum, _, err := step(optim.Decay{}, nil)
	if err != nil {
		return err
	}
	want := sum.values()
	for i, x := range coupled.values() {
		if math.Abs(x-want[i]) > 1e-9*(1+math.Abs(x)) {
			return fmt.Errorf("coupled: %s becomes %v, with the decay in the gradient %v", coupled.place(i), x, want[i])
		}
	}
	return nil
}
