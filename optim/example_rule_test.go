package optim_test

import (
	"fmt"
	"sync"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// Signum steps by the sign of the mean gradient (Bernstein and others 2018, arXiv 1802.04434, algorithm 2):
//
//	m = beta m + (1-beta) g
//	w = w - lr sign(m)
//
// This file is all that a rule needs. Fields are its settings in text, with their ranges.
type Signum struct {
	Beta float64 `spec:",min=0,lt=1" help:"decay of the mean of gradients"`
}

var _ optim.Rule = Signum{}

// Info names the rule.
func (Signum) Info() optim.Info {
	return optim.Info{Name: "signum", Formula: "m = beta m + (1-beta) g; w -= lr sign(m)", Source: "Bernstein and others 2018, arXiv 1802.04434"}
}

// Validate says what is wrong with the settings.
func (s Signum) Validate() error {
	if !(s.Beta >= 0 && s.Beta < 1) {
		return fmt.Errorf("beta %v: 0 <= beta < 1 is wanted", s.Beta)
	}
	return nil
}

// Slots asks for one number a weight, which is allocated, saved and restored for it.
func (Signum) Slots(p engine.Param) []optim.Slot { return []optim.Slot{{Name: "m", Shape: p.Shape}} }

// Code is the same loop in both precisions.
func (s Signum) Code() optim.Code {
	return optim.Code{F32: signumBody[float32]{s}, F64: signumBody[float64]{s}}
}

type signumBody[T engine.Float] struct{ s Signum }

func (b signumBody[T]) Update(v *optim.View[T], h *optim.Hyper) {
	w, m := v.Weight, v.State[0]
	for i, g := range v.Grad {
		g = T(h.Scale)*g + T(h.Decay)*w[i]
		m[i] = T(b.s.Beta)*m[i] + T(1-b.s.Beta)*g
		switch {
		case m[i] > 0:
			w[i] -= T(h.LR)
		case m[i] < 0:
			w[i] += T(h.LR)
		}
	}
}

// A program registers its rules once, before it reads settings: the prototype holds the defaults.
var registerSignum = sync.OnceValue(func() error { return optim.Register("signum", Signum{Beta: 0.9}) })

// A rule of one's own is a struct with four methods and a loop; text, groups, decay, clipping, threads and checkpoints come with it. Test
// it with optimtest.Run.
func Example_ownRule() {
	if err := registerSignum(); err != nil {
		fmt.Println(err)
		return
	}
	o, err := optim.Parse("signum(lr=0.25, clip_norm=1)")
	fmt.Println(o, err)
	_, err = optim.Parse("signum(beta=1)")
	fmt.Println(err)

	w, err := optimtest.Weights(engine.Float32, engine.Param{Path: "dense/weight", Shape: engine.Shape{3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := o.Bind(w, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	live, _ := engine.Vectors[float32](w)
	copy(live.Weight, []float32{1, 2, 3})
	copy(live.Grad, []float32{0.1, 0, -70})
	for range 2 {
		if err := s.Step(&optim.Moment{Sum: engine.Sum{Weight: 1}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(live.Weight[:3], s.Bytes(), "bytes of state")
	// Output:
	// signum(0.25, clip_norm=1) <nil>
	// 1:13: beta: found 1, wanted a number in [0, 1)
	// [0.5 2 3.5] 12 bytes of state
}
