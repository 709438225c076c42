package engine_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/descent-go/descent/engine"
)

// folded is y = x + a, where a, a parameter or computed from some, is packed; in evaluation a running state, the second Fixed input, is
// folded in. It counts its packings.
type folded struct{ Count *atomic.Int64 }

func (folded) Type(in []engine.Type) (engine.Type, error) {
	return engine.Type{Shape: in[0].Shape}, nil
}
func (o folded) Code(in []engine.Type, _ engine.Conditions) engine.Code {
	return engine.Code{F64: foldedBody{o.Count, in[1].Shape.Size()}}
}

type foldedBody struct {
	count *atomic.Int64
	size  int
}

func (b foldedBody) Traits() engine.Traits { return engine.Traits{Packed: b.size} }

func (b foldedBody) Pack(s *engine.Step[float64]) {
	b.count.Add(1)
	for range 100 {
		runtime.Gosched() // others get here meanwhile
	}
	copy(s.Packed, s.In[1])
	if len(s.In) > 2 && !s.Mode.Batch() {
		for i := range s.Packed {
			s.Packed[i] += s.In[2][0]
		}
	}
}

func (b foldedBody) Forward(s *engine.Step[float64]) {
	for i, x := range s.In[0] {
		s.Out[i] = x + s.Packed[i%b.size]
	}
}

func (b foldedBody) Backward(s *engine.Step[float64]) {}

// learner counts the passes in which it learned, in its state.
type learner struct{}

func (learner) Type(in []engine.Type) (engine.Type, error) { return in[0], nil }
func (learner) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: learnerBody{}}
}

type learnerBody struct{}

func (learnerBody) Forward(s *engine.Step[float64]) {
	copy(s.Out, s.In[0])
	if s.Mode.Learns() {
		s.In[1][0]++
	}
}
func (learnerBody) Backward(s *engine.Step[float64]) {}

// shift adds a state of one number to a parameter.
type shift struct{}

func (shift) Type(in []engine.Type) (engine.Type, error) { return in[0], nil }
func (shift) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: shiftBody{}}
}

type shiftBody struct{}

func (shiftBody) Forward(s *engine.Step[float64]) {
	for i, a := range s.In[0] {
		s.Out[i] = a + s.In[1][0]
	}
}
func (shiftBody) Backward(s *engine.Step[float64]) {}

// Of many forks that find the packed copies stale, one fills them.
func TestOneForkPacks(t *testing.T) {
	var count atomic.Int64
	g := engine.NewGraph()
	x := g.Input(engine.Field{Name: "x", Type: rowsOf(500)})
	g.Output("y", g.Apply(folded{&count}, x, g.Param("a", engine.Shape{500}, engine.Weight, constant(1))))
	p := compile(t, g, engine.Options{Rows: 1, Precision: engine.Float64, Forward: true})
	b := engine.Batch{Rows: 1, Mode: engine.Evaluate, In: []engine.Tensor{{F64: make([]float64, 500)}}}
	for round := range int64(20) {
		p.Weights().Changed()
		start := make(chan struct{})
		var group sync.WaitGroup
		for range 20 {
			f := p.Fork(nil)
			group.Go(func() {
				<-start
				b := b
				if _, err := f.Forward(&b); err != nil || f.Output("y").F64[499] != 1 {
					t.Error(err, f.Output("y").F64[499])
				}
			})
		}
		close(start)
		group.Wait()
		if n := count.Load(); n != round+1 {
			t.Fatalf("packed %d times in %d rounds", n, round+1)
		}
	}
}

func TestPackedCopies(t *testing.T) {
	for _, c := range []struct {
		name                    string
		state, computed, normed bool
		learned                 int64 // packings more because a state learned
	}{
		{"parameter", false, false, false, 0},
		{"computed parameter", false, true, false, 0},
		{"parameter and state", true, false, false, 1},
		{"computed parameter and state", true, true, false, 1},
		{"parameter computed from a state", false, false, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var count atomic.Int64
			build := func() *engine.Graph {
				g := engine.NewGraph()
				x := g.Input(engine.Field{Name: "x", Type: rowsOf(2)})
				state := g.State("seen", engine.Shape{1}, constant(0))
				x = g.In("count").Apply(learner{}, x, state)
				a := g.Param("a", engine.Shape{2}, engine.Weight, constant(3))
				if c.computed {
					a = g.In("square").Apply(scale{}, a, a)
				}
				if c.normed {
					a = g.In("norm").Apply(shift{}, a, state)
				}
				in := []engine.Value{x, a}
				if c.state {
					in = append(in, state)
				}
				y := g.Output("y", g.In("add").Apply(folded{&count}, in...))
				g.Objective(g.In("loss").Apply(squares{}, y, x), engine.Value{})
				return g
			}
			p := compile(t, build(), engine.Options{Rows: 1, Precision: engine.Float64})
			w := p.Weights()
			x := []float64{0, 0}
			run := func(what string, p *engine.Plan, mode engine.Mode, packings int64, want float64) {
				t.Helper()
				count.Store(0)
				b := engine.Batch{Rows: 1, Mode: mode, In: []engine.Tensor{{F64: x}}}
				if _, err := p.Forward(&b); err != nil {
					t.Fatal(err)
				}
				if err := p.Backward(); err != nil {
					t.Fatal(err)
				}
				if y := p.Output("y").F64; y[0] != want {
					t.Errorf("%s: %v, %v is wanted", what, y[0], want)
				}
				if n := count.Load(); n != packings {
					t.Errorf("%s: packed %d times, %d are wanted", what, n, packings)
				}
			}
			value := func(a, seen float64) float64 {
				if c.computed {
					a *= a
				}
				if c.state || c.normed {
					a += seen
				}
				return a
			}
			run("at first", p, engine.Evaluate, 1, value(3, 0))
			run("again", p, engine.Evaluate, 0, value(3, 0))
			run("with batch statistics", p, engine.Again, 1, value(3, 0))
			run("without once more", p, engine.Evaluate, 0, value(3, 0))
			fork := p.Fork(nil)
			run("a fork", fork, engine.Evaluate, 0, value(3, 0))

			v, _ := engine.Vectors[float64](w)
			v.Weight[0] = 5
			w.Changed()
			run("changed", fork, engine.Evaluate, 1, value(5, 0))
			run("changed, the fork has filled it", p, engine.Evaluate, 0, value(5, 0))

			kept := w.Keep()
			kept[0].F64[0] = 7
			if err := w.Restore(kept); err != nil {
				t.Fatal(err)
			}
			run("restored", p, engine.Evaluate, 1, value(7, 0))

			seen := 0.0 // the norm is computed after the state has learned
			if c.normed {
				seen = 1
			}
			run("learning", p, engine.Calibrate, 1, value(7, seen))
			run("learned", p, engine.Evaluate, c.learned, value(7, 1))

			other := w.Copy()
			kept[0].F64[0] = 2
			if err := other.Restore(kept); err != nil { // the states are 0 again
				t.Fatal(err)
			}
			own := p.Fork(other)
			run("a fork on other weights", own, engine.Evaluate, 1, value(2, 0))
			run("the first after that", p, engine.Evaluate, 0, value(7, 1))
			if err := w.Assign(other); err != nil {
				t.Fatal(err)
			}
			run("assigned", p, engine.Evaluate, 1, value(2, 0))
			run("a plan on a copy", compile(t, build(), engine.Options{Rows: 3, Precision: engine.Float64, Weights: w.Copy()}), engine.Evaluate, 1, value(2, 0))
		})
	}
}

// A forward pass that a watched fill shares with packing takes the same readings.
func TestPackingIsWatched(t *testing.T) {
	p := compile(t, smallNet(), engine.Options{Rows: 2})
	b := batchFor(p, 2, 1)
	b.Watch = true
	var rms []float64
	for range 2 { // the first pass packs, the second does not
		pass(t, p, &b)
		for _, r := range p.Readings() {
			if r.What == engine.ReadRms {
				rms = append(rms, r.Values[0])
			}
		}
	}
	if n := len(rms) / 2; n != 4 || slices.Contains(rms, 0) || !slices.Equal(rms[:n], rms[n:]) {
		t.Error(rms)
	}
}
