package optim_test

// The seam for rules beyond the members of today: sums over all parameters, numbers a parameter, whole parameters, bytes, scratch, weights
// to evaluate elsewhere. The rules here exist to prove it.

import (
	"math"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

// odd uses every part of the seam: it moves against the sign of the gradient by the mean size of all gradients, counts its steps in a slot
// of its own shape and in bytes, multiplies by an identity matrix in scratch, and evaluates at the mean of all weights so far.
type odd struct{ whole bool }

func (o odd) Info() optim.Info {
	return optim.Info{Name: "odd", Formula: "w -= lr sign(g) mean|g|", Source: "this test", Sums: 2, WholeParam: o.whole}
}
func (odd) Validate() error { return nil }
func (odd) Slots(p engine.Param) []optim.Slot {
	return []optim.Slot{
		{Name: "count", Shape: engine.Shape{1}, Fill: 1},
		{Name: "sum", Shape: p.Shape},
		{Name: "signs", Shape: p.Shape, Bytes: true, Fill: 7},
		{Name: "products", Shape: engine.Shape{3, 2, 2}, Scratch: true},
	}
}
func (odd) Code() optim.Code { return optim.Code{F32: oddBody[float32]{}, F64: oddBody[float64]{}} }

type oddBody[T engine.Float] struct{}

func (oddBody[T]) Measure(v *optim.View[T], h *optim.Hyper, sum []float64) {
	for i, g := range v.Grad {
		sum[0] += math.Abs(h.Scale*float64(g) + h.Decay*float64(v.Weight[i]))
	}
	sum[1] += float64(len(v.Grad))
}

func (oddBody[T]) Prepare(v *optim.View[T], h *optim.Hyper) {
	v.State[0][0]++
	identity, x, product := v.State[3][:4], v.State[3][4:8], v.State[3][8:]
	identity[0], identity[3] = 1, 1
	x[0], x[1], x[2], x[3] = 2, 3, 5, 7
	v.Multiply(2, 2, 2, x, identity, product)
	for i := range x {
		if product[i] != x[i] {
			panic("product with the identity")
		}
	}
}

func (oddBody[T]) Update(v *optim.View[T], h *optim.Hyper) {
	if v.State[0][0] != T(h.Step+1) {
		panic("Prepare runs once a step, before the pieces")
	}
	size := h.LR * h.Total[0] / h.Total[1]
	for i := range v.Grad {
		g := T(h.Scale)*v.Grad[i] + T(h.Decay)*v.Weight[i]
		switch {
		case g > 0:
			v.Weight[i] -= T(size)
			v.Bytes[2][i] = 1
		case g < 0:
			v.Weight[i] += T(size)
			v.Bytes[2][i] = 255
		}
		v.State[1][i] += v.Weight[i]
	}
}

func (oddBody[T]) Average(v *optim.View[T], h *optim.Hyper, dst []T) {
	for i := range dst {
		dst[i] = v.State[1][i] / T(h.Step)
	}
}

func TestSeam(t *testing.T) {
	for _, whole := range []bool{false, true} {
		o := optim.Optimizer{Rule: odd{whole}, LR: optim.Constant(0.1)}
		optimtest.Run(t, optimtest.Case{Optimizer: o, Rate: 0.1, Scaling: optimtest.Linear})

		w := small(t)
		s := bind(t, o, w)
		if want := int64(8*(3+15+3*12) + 15); s.Bytes() != want {
			t.Errorf("%d bytes of state, %d are wanted", s.Bytes(), want)
		}
		dst := w.Copy()
		if s.Average(dst) {
			t.Error("there is an average before the first step")
		}
		before := values(w)
		mean := make([]float64, len(before))
		for k := 1; k <= 3; k++ {
			set(t, w, 2, func(i int, _ float64) float64 { return float64(i - 7) })
			step(t, s, optim.Moment{Sum: engine.Sum{Weight: 2}})
			for i := range before {
				sign := 0.0
				if i != 7 {
					sign = math.Copysign(1, float64(i-7))
				}
				before[i] -= 0.1 * sign * 56 / 15
				near(t, "weight", values(w)[i], before[i])
				mean[i] += (before[i] - mean[i]) / float64(k)
			}
		}
		if !s.Average(dst) {
			t.Fatal("no average")
		}
		for i, x := range values(dst) {
			near(t, "average", x, mean[i])
		}
		names := map[string]engine.Tensor{}
		for _, kept := range s.Keep() {
			names[kept.Name] = kept
		}
		if names["body/bias/count"].F64[0] != 4 || names["body/bias/signs"].U8[0] != 255 || names["body/bias/signs"].U8[1] != 7 {
			t.Errorf("slots: %v %v", names["body/bias/count"], names["body/bias/signs"])
		}
		if _, there := names["body/bias/products"]; there {
			t.Error("scratch is kept")
		}
		again := bind(t, o, w.Copy())
		if err := again.Restore(s.Keep()); err != nil {
			t.Fatal(err)
		}
		if again.Average(dst); values(dst)[0] != names["body/weight/sum"].F64[0]/3 {
			t.Error("a restored stepper evaluates elsewhere")
		}
	}
}

// Hyper.Total is over the parameters with the same rule, whatever groups they are in.
func TestTotalByRule(t *testing.T) {
	for _, test := range []struct {
		name       string
		head       optim.Group
		body, rest float64 // mean size of the gradient over each rule's parameters
	}{
		{"same rule in a group", optim.Group{LRFactor: 1}, 56.0 / 15, 56.0 / 15},
		{"another rule", optim.Group{Rule: odd{whole: true}}, 29.0 / 9, 27.0 / 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := optim.Optimizer{Rule: odd{}, LR: optim.Constant(0.1), Groups: []optim.Group{test.head}}
			o.Groups[0].Match.Paths = []string{"head"}
			w := small(t)
			s := bind(t, o, w)
			before := values(w)
			set(t, w, 1, func(i int, _ float64) float64 { return float64(i - 7) })
			step(t, s, optim.Moment{})
			near(t, "body", values(w)[0]-before[0], 0.1*test.body)
			near(t, "head", before[14]-values(w)[14], 0.1*test.rest)
		})
	}
}

// marked writes into the weights where a piece begins: which pieces there are.
type marked struct{ whole bool }

func (m marked) Info() optim.Info {
	return optim.Info{Name: "marked", Formula: "w = piece", Source: "this test", WholeParam: m.whole}
}
func (marked) Validate() error                 { return nil }
func (marked) Slots(engine.Param) []optim.Slot { return nil }
func (marked) Code() optim.Code                { return optim.Code{F32: markedBody{}} }

type markedBody struct{}

func (markedBody) Update(v *optim.View[float32], _ *optim.Hyper) {
	for i := range v.Weight {
		v.Weight[i] = float32(v.At)
	}
}

// Large parameters are cut by size, unless the rule wants to see them whole, and a precision that a rule lacks is refused.
func TestPieces(t *testing.T) {
	for _, whole := range []bool{false, true} {
		w, err := optimtest.Weights(engine.Float32, engine.Param{Path: "a", Shape: engine.Shape{7}}, engine.Param{Path: "b", Shape: engine.Shape{40000}})
		if err != nil {
			t.Fatal(err)
		}
		step(t, bind(t, optim.Optimizer{Rule: marked{whole}, LR: optim.Constant(1)}, w), optim.Moment{})
		starts := map[float32]int{}
		for _, x := range w.Keep()[1].F32 {
			starts[x]++
		}
		if want := map[bool]int{false: 3, true: 1}[whole]; len(starts) != want || starts[0] == 0 {
			t.Errorf("whole %v: pieces %v", whole, starts)
		}
	}
	if _, err := (optim.Optimizer{Rule: marked{}, LR: optim.Constant(1)}).Bind(small(t), nil); err == nil {
		t.Error("a rule without float64 is bound to float64")
	}
}
