package nn

import (
	"slices"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// descending is one step of gradient descent for all late parameters of a plan.
type descending struct {
	updates map[int]*kernel.Update[float32]
}

func newDescending(p *engine.Plan) *descending {
	v, _ := engine.Vectors[float32](p.Weights())
	d := &descending{map[int]*kernel.Update[float32]{}}
	for _, param := range p.Late() {
		d.updates[param.Offset] = &kernel.Update[float32]{W: v.Weight[param.Offset:][:param.Size()], SGD: &kernel.SGD{LR: 0.1, Scale: 1}}
	}
	return d
}

func (d *descending) UpdateOf(p engine.Param) *kernel.Update[float32] { return d.updates[p.Offset] }

func (*descending) Do(int, int) {}

// What an update has packed beside is used in the next pass, and not when weights have changed since.
func TestLatePacking(t *testing.T) {
	p, b := latePlan(t, engine.BFloat16, true, 41, 48, 96, 160, 75)
	if len(p.Late()) == 0 {
		t.Skip("kernels whose products have no updates")
	}
	gradient := func(p *engine.Plan) []float32 {
		t.Helper()
		if _, err := p.Forward(b); err != nil {
			t.Fatal(err)
		}
		if err := p.Backward(); err != nil {
			t.Fatal(err)
		}
		v, _ := engine.Vectors[float32](p.Weights())
		return slices.Clone(v.Grad)
	}
	d := newDescending(p)
	for range 2 {
		if _, err := p.Forward(b); err != nil {
			t.Fatal(err)
		}
		if err := p.BackwardLate(); err != nil {
			t.Fatal(err)
		}
		before := p.Weights().Keep()
		engine.BackwardTo[float32](p, d, d, 0)
		if after := p.Weights().Keep(); slices.Equal(before[0].F32, after[0].F32) {
			t.Fatal("no weight has moved")
		}
	}
	fresh := p.Fork(p.Weights().Copy())
	want, err := fresh.Forward(b)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := engine.Vectors[float32](p.Weights())
	weights := slices.Clone(v.Weight)
	for _, u := range d.updates {
		clear(u.W) // nobody is told
	}
	if got, err := p.Forward(b); err != nil || got != want {
		t.Errorf("loss %v, want %v from what the update has packed (%v)", got, want, err)
	}
	copy(v.Weight, weights)
	if !slices.Equal(gradient(p), gradient(fresh)) {
		t.Error("packed while updated, the gradient is not that from packing afterwards")
	}
	other := p.Fork(nil)
	if !slices.Equal(gradient(other), gradient(fresh)) {
		t.Error("a fork has another gradient")
	}
	kept := p.Weights().Keep()
	for i := range kept[0].F32 {
		kept[0].F32[i] *= 2
	}
	if err := p.Weights().Restore(kept); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gradient(p), gradient(p.Fork(p.Weights().Copy()))) {
		t.Error("restored weights are not packed again")
	}
}
