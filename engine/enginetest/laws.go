package enginetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
)

// gradients compares back-propagation with central differences in float64, in every mode that can be differentiated.
func gradients(c Case) error {
	for _, rows := range c.Rows {
		for _, mode := range []engine.Mode{engine.Again, engine.Evaluate} {
			if err := c.differences(rows, mode); err != nil {
				return fmt.Errorf("%d rows, mode %v: %w", rows, mode, err)
			}
		}
	}
	return nil
}

// maxDifferences bounds the elements of one input that are varied.
const maxDifferences = 150

func (c Case) differences(rows int, mode engine.Mode) error {
	b, err := newBench(c, settings{rows: rows, precision: engine.Float64, mode: mode, seed: uint64(rows)})
	if err != nil {
		return err
	}
	defer b.close()
	exact, err := b.pass()
	if err != nil {
		return err
	}
	loss := func() (float64, error) {
		sum, err := b.plan.Forward(&b.batch)
		return sum.Loss, err
	}
	for j, t := range c.In {
		if t.Kind == engine.Index || c.isState(j) {
			continue
		}
		grad := exact["gradient of "+inputName(j)]
		if grad == nil {
			return fmt.Errorf("input %d has no gradient", j)
		}
		largest := 0.0
		for _, g := range grad {
			largest = max(largest, math.Abs(g))
		}
		kept := b.plan.Weights().Keep()
		for k := range min(len(grad), maxDifferences) {
			i := k
			if len(grad) > maxDifferences {
				i = int(engine.NewRand(7, "pick").At(j, k) * float64(len(grad)))
			}
			set, x := c.variable(b, j, i, kept)
			h := 6e-6 * max(1, math.Abs(x))
			var l [2]float64
			for side, at := range []float64{x + h, x - h} {
				if err := set(at); err != nil {
					return err
				}
				if l[side], err = loss(); err != nil {
					return err
				}
			}
			if err := set(x); err != nil {
				return err
			}
			numeric := (l[0] - l[1]) / (2 * h)
			// Rounding of the loss alone makes a difference uncertain by about 1e-16 of it over h.
			unsure := 4e-16 * (math.Abs(l[0]) + math.Abs(l[1]) + 1) / h
			if off := math.Abs(grad[i] - numeric); !(off <= c.Tolerance*max(math.Abs(numeric), math.Abs(grad[i]), 1e-2*largest)+unsure) {
				return fmt.Errorf("input %d, element %d: back-propagation says %v, differences say %v", j, i, grad[i], numeric)
			}
		}
	}
	return nil
}

// variable gives access to element i of input j.
func (c Case) variable(b *bench, j, i int, kept []engine.Tensor) (func(float64) error, float64) {
	if !c.In[j].Fixed {
		x := b.batch.In[b.inputs[inputName(j)]].F64
		return func(v float64) error { x[i] = v; return nil }, x[i]
	}
	k := slices.IndexFunc(kept, func(t engine.Tensor) bool { return t.Name == inputName(j) })
	return func(v float64) error {
		kept[k].F64[i] = v
		return b.plan.Weights().Restore(kept)
	}, kept[k].F64[i]
}

// manyRows is a batch that the engine cuts into tiles, with a short last one.
func (c Case) manyRows() int {
	width := 1
	for _, t := range c.In {
		if !t.Fixed {
			width = max(width, t.Shape.Size())
		}
	}
	return min(20000/width+3, 1031)
}

// run makes one pass with the settings.
func (c Case) run(s settings, change func(*bench)) (result, error) {
	b, err := newBench(c, s)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if change != nil {
		change(b)
	}
	return b.pass()
}

// sameBits compares a pass with a changed one in both precisions, for a small and a large batch.
func (c Case) sameBits(vary func(*settings), change func(*bench)) error {
	for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
		for _, rows := range []int{1, 5, c.manyRows()} {
			s := settings{rows: rows, precision: precision, mode: engine.Train, seed: 11}
			want, err := c.run(s, nil)
			if err != nil {
				return err
			}
			if vary != nil {
				vary(&s)
			}
			got, err := c.run(s, change)
			if err != nil {
				return err
			}
			if err := equal(got, want, 0); err != nil {
				return fmt.Errorf("%v, %d rows: %w", precision, rows, err)
			}
		}
	}
	return nil
}

func threads(c Case) error {
	for _, n := range []int{1, 2, 5} {
		if err := c.sameBits(func(s *settings) { s.threads = n }, nil); err != nil {
			return fmt.Errorf("%d threads: %w", n, err)
		}
	}
	return nil
}

func watched(c Case) error {
	return c.sameBits(nil, func(b *bench) { b.batch.Watch = true })
}

func spare(c Case) error {
	// The small batches of sameBits in a plan for a larger one. Code may be chosen by the largest batch, so only results to rounding.
	for _, rows := range []int{1, 5} {
		s := settings{rows: rows, precision: engine.Float64, mode: engine.Train, seed: 11}
		want, err := c.run(s, nil)
		if err != nil {
			return err
		}
		s.compiled = rows + 9
		got, err := c.run(s, nil)
		if err != nil {
			return err
		}
		if err := equal(got, want, 1e-12); err != nil {
			return err
		}
	}
	return nil
}

// twoParts cuts a batch into an accumulated step.
func twoParts(c Case) error {
	if c.bodyTraits().BatchStatistics {
		return nil
	}
	for _, rows := range []int{2, 7, c.manyRows()} {
		b, err := newBench(c, settings{rows: rows, precision: engine.Float64, mode: engine.Again, seed: 5})
		if err != nil {
			return err
		}
		defer b.close()
		whole, err := b.pass()
		if err != nil {
			return err
		}
		cut := (rows + 1) / 3
		if cut == 0 {
			cut = 1
		}
		first, last := rowsOf(b.batch, 0, cut), rowsOf(b.batch, cut, rows)
		first.Part, last.Part = engine.First, engine.Last
		parts, err := b.passes(first, last)
		if err != nil {
			return err
		}
		if err := equal(parts, whole, 1e-11); err != nil {
			return fmt.Errorf("%d rows cut at %d: %w", rows, cut, err)
		}
	}
	return nil
}

// permuted turns the order of rows around, in a mode with batch statistics and without masks.
func permuted(c Case) error {
	for _, mode := range []engine.Mode{engine.Calibrate, engine.Evaluate} {
		const rows = 6
		s := settings{rows: rows, precision: engine.Float64, mode: mode, seed: 8}
		want, err := c.run(s, nil)
		if err != nil {
			return err
		}
		got, err := c.run(s, func(b *bench) {
			for _, t := range b.batch.In {
				reverseRows(t.F64, rows)
			}
		})
		if err != nil {
			return err
		}
		for name, x := range got {
			if name == "out" && len(x)%rows == 0 && !c.fixedResult() || isInputGradient(c, name) {
				reverseRows(x, rows)
			}
		}
		if err := equal(got, want, 1e-10); err != nil {
			return fmt.Errorf("mode %v: %w", mode, err)
		}
	}
	return nil
}

func (c Case) fixedResult() bool {
	return !slices.ContainsFunc(c.In, func(t engine.Type) bool { return !t.Fixed })
}

func isInputGradient(c Case, name string) bool {
	for j, t := range c.In {
		if !t.Fixed && name == "gradient of "+inputName(j) {
			return true
		}
	}
	return false
}

func reverseRows(x []float64, rows int) {
	n := len(x) / rows
	for r := range rows / 2 {
		a, b := x[r*n:(r+1)*n], x[(rows-1-r)*n:(rows-r)*n]
		for i := range a {
			a[i], b[i] = b[i], a[i]
		}
	}
}

// unwanted asks for the gradient of one input at a time.
func unwanted(c Case) error {
	s := settings{rows: 4, precision: engine.Float64, mode: engine.Train, seed: 2}
	all, err := c.run(s, nil)
	if err != nil {
		return err
	}
	for j, t := range c.In {
		if t.Kind == engine.Index || c.isState(j) {
			continue
		}
		s.only = make([]bool, len(c.In))
		s.only[j] = true
		one, err := c.run(s, nil)
		if err != nil {
			return fmt.Errorf("only input %d: %w", j, err)
		}
		name := "gradient of " + inputName(j)
		if err := equal(result{name: one[name]}, result{name: all[name]}, 0); err != nil {
			return fmt.Errorf("only input %d: %w", j, err)
		}
	}
	s.only = make([]bool, len(c.In))
	if _, err := c.run(s, nil); err != nil {
		return fmt.Errorf("no gradient at all: %w", err)
	}
	return nil
}

// accumulates lets every input have a second reader, so that a gradient is there before the operation adds its own.
func accumulates(c Case) error {
	s := settings{rows: 5, precision: engine.Float64, mode: engine.Train, seed: 4}
	alone, err := c.run(s, nil)
	if err != nil {
		return err
	}
	s.again = true
	var extra map[string][]float64
	both, err := c.run(s, func(b *bench) {
		extra = map[string][]float64{}
		k := 0
		for j, t := range c.In {
			if t.Kind != engine.Real || c.isState(j) {
				continue
			}
			x := b.batch.In[b.inputs[fmt.Sprintf("again%d", k)]].F64
			k++
			if !t.Fixed {
				extra[inputName(j)] = x
				continue
			}
			// A parameter is the same in every row, so its second gradient is the sum over rows.
			n := t.Shape.Size()
			sum := make([]float64, n)
			for i, v := range x {
				sum[i%n] += v
			}
			extra[inputName(j)] = sum
		}
	})
	if err != nil {
		return err
	}
	for name, x := range extra {
		key := "gradient of " + name
		if err := equal(result{key: both[key]}, result{key: add(x, alone[key])}, 1e-11); err != nil {
			return err
		}
	}
	return nil
}

// single compares float32 with float64.
func single(c Case) error {
	s := settings{rows: 7, precision: engine.Float64, mode: engine.Train, seed: 9}
	want, err := c.run(s, nil)
	if err != nil {
		return err
	}
	s.precision = engine.Float32
	got, err := c.run(s, nil)
	if err != nil {
		return err
	}
	return equal(got, want, 2e-4)
}

func allocates(c Case) error {
	for _, threads := range []int{1, 2} {
		b, err := newBench(c, settings{rows: c.manyRows(), threads: threads, mode: engine.Train})
		if err != nil {
			return err
		}
		defer b.close()
		n := testing.AllocsPerRun(10, func() {
			if _, e := b.plan.Forward(&b.batch); e != nil {
				err = e
				return
			}
			if e := b.plan.Backward(); e != nil {
				err = e
			}
		})
		if err != nil {
			return err
		}
		if n != 0 {
			return fmt.Errorf("%d threads: %v allocations a pass; 0 are wanted", threads, n)
		}
	}
	return nil
}

// equal compares results: exactly with tolerance 0, else relative to the largest number of its kind.
func equal(got, want result, tolerance float64) error {
	for name, w := range want {
		g, ok := got[name]
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: %d numbers, %d are wanted", name, len(g), len(w))
		}
		largest := 1.0
		for _, v := range w {
			if !math.IsInf(v, 0) {
				largest = max(largest, math.Abs(v))
			}
		}
		for i := range w {
			if g[i] == w[i] || g[i] != g[i] && w[i] != w[i] {
				continue
			}
			if tolerance == 0 || !(math.Abs(g[i]-w[i]) <= tolerance*largest) {
				return fmt.Errorf("%s: number %d is %v, %v is wanted", name, i, g[i], w[i])
			}
		}
	}
	return nil
}
