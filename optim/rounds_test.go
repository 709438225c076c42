package optim_test

import (
	"math"
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// together is LARS that says it needs sums over all parameters, so that all are measured before one is updated.
type together struct{ optim.LARS }

func (r together) Info() optim.Info {
	info := r.LARS.Info()
	info.Apart = false
	return info
}

// Steps in rounds give the bits of steps that measure everything first, on any number of threads.
func TestRounds(t *testing.T) {
	large := []engine.Param{
		{Path: "a", Shape: engine.Shape{400, 1000}}, {Path: "bias", Shape: engine.Shape{1000}, Role: engine.Bias},
		{Path: "b", Shape: engine.Shape{17, 1000}}, {Path: "c", Shape: engine.Shape{260, 1000}}, {Path: "d", Shape: engine.Shape{7}},
	}
	for _, joint := range []bool{false, true} {
		var want []float32
		for _, threads := range []int{1, 2, 5} {
			for _, apart := range []bool{false, true} {
				w, err := optimtest.Weights(engine.Float32, large...)
				if err != nil {
					t.Fatal(err)
				}
				rule := optim.LARS{Mu: 0.9, Trust: 0.01, Joint: joint}
				o := optim.NewLARS(0.5)
				if o.Rule = rule; !apart {
					o.Rule = together{rule}
				}
				pool := engine.NewPool(threads)
				s, err := o.Bind(w, pool)
				if err != nil {
					t.Fatal(err)
				}
				v, _ := engine.Vectors[float32](w)
				for k := range 3 {
					for i := range v.Grad {
						v.Grad[i] = float32((i*7+k)%13)/8 - 0.7
					}
					step(t, s, optim.Moment{Sum: engine.Sum{Weight: 2}})
				}
				if want == nil {
					want = slices.Clone(v.Weight)
				}
				if !slices.Equal(v.Weight, want) {
					t.Errorf("joint %v, %d threads, rounds %v: other weights", joint, threads, apart)
				}
				pool.Close()
			}
		}
	}
}

// Gradient and decay together have the right norm also where one nearly takes the other away.
func TestLARSJointCancels(t *testing.T) {
	for _, rest := range []float64{1, 1e-3, 1e-7} {
		w, err := optimtest.Weights(engine.Float64, engine.Param{Path: "w", Shape: engine.Shape{100}})
		if err != nil {
			t.Fatal(err)
		}
		o := optim.NewLARS(1)
		o.Rule, o.Decay = optim.LARS{Mu: 0, Trust: 1, Joint: true}, optim.Decay{Rate: 0.25}
		s := bind(t, o, w)
		v, _ := engine.Vectors[float64](w)
		before, ww, uu := slices.Clone(v.Weight[:100]), 0.0, 0.0 // there may be room behind them
		for i, x := range before {
			v.Grad[i] = -0.25*x + rest*float64(i%3)
			u := v.Grad[i] + 0.25*x
			ww, uu = ww+x*x, uu+u*u
		}
		step(t, s, optim.Moment{Sum: engine.Sum{Weight: 1}})
		for i, x := range before {
			want := x - math.Sqrt(ww/uu)*(v.Grad[i]+0.25*x)
			if !(math.Abs(v.Weight[i]-want) <= 1e-12*(1+math.Abs(want))) {
				t.Fatalf("rest %v: weight %d is %v, want %v", rest, i, v.Weight[i], want)
			}
		}
	}
}
