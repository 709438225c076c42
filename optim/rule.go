package optim

// This file is the seam between a rule and everything around it. To add a rule: one file with a struct of its settings, these four
// methods and a body, and one line in registry.go; the common tests then run on it.

import (
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
)

// Rule is how one parameter moves. It is a plain struct of settings; its state lies in slots that the stepper allocates, saves and
// restores.
type Rule interface {
	Info() Info
	// Validate reports all settings that are out of range, naming the range.
	Validate() error
	// Slots lists the state that one parameter needs.
	Slots(engine.Param) []Slot
	// Code is the rule's body in each precision. It is asked once a stepper.
	Code() Code
}

// Info is what is known of a rule without running it.
type Info struct {
	Name    string // as in text: "adamw"
	Formula string // the update in one line
	Source  string // where it was published
	// Tunable are the keys of the numbers that people tune, the learning rate first, with this rule's settings; switches are left out.
	Tunable []string
	// Strengths and Weaknesses are short lines for whoever chooses.
	Strengths, Weaknesses []string
	// Differs is where PyTorch, Keras, Optax and others do not do what this rule does with its defaults, or that they agree. A line is
	// "who or what: how", and names the setting that brings the other form here.
	Differs []string
	// Sums is how many sums over a parameter the body measures before the update; its body is then a [Measurer].
	Sums int
	// Apart: of the sums the body reads those of its parameter, [Hyper].Sum, and not [Hyper].Total. Parameters may then be measured and updated
	// one after the other, while they are in a cache.
	Apart bool
	// WholeParam: the body must see a parameter in one piece. Otherwise large ones are cut, and the pieces run side by side.
	WholeParam bool
	// OwnDecay: weight decay has a place of its own in the formula. The body gets the rate in [Hyper].Decay, and coupled decay is refused.
	OwnDecay bool
	// Shrinks: the body multiplies the weights by 1-[Hyper].Shrink within its own pass. Otherwise the stepper does it just before.
	Shrinks bool
}

// Slot is a piece of state a parameter.
type Slot struct {
	Name string // a word: the state is saved as "path/name"
	// Shape is the slot's own shape. A slot with as many elements as the parameter is cut like it; every piece sees the whole of any
	// other, which only a [Preparer] or the body of a WholeParam rule may write.
	Shape engine.Shape
	Fill  float64 // every element at first
	Bytes bool    // elements are bytes (quantized state), in View.Bytes
	// Scratch is not saved: what it holds means nothing after a step.
	Scratch bool
}

// Code is a rule's body in each precision; a nil field means that it does not run there.
type Code struct {
	F32 Body[float32]
	F64 Body[float64]
}

// Body updates one piece of one parameter. Several pieces run at the same time on one body, so it keeps nothing in itself.
type Body[T engine.Float] interface {
	// Update sets v.Weight and the slots from the mean gradient, which is h.Scale times v.Grad. With h.Decay, that much of the weight is
	// added to it. It must leave a zero weight with a zero gradient at zero, and writes nowhere else.
	Update(v *View[T], h *Hyper)
}

// merging is implemented by a body whose update the products of gradients can do.
type merging[T engine.Float] interface {
	// merges reports whether they can with the rule's settings: the usual ones.
	merges() bool
	// into sets u to the update of the whole parameter. What u points to is made once.
	into(u *kernel.Update[T], v *View[T], h *Hyper)
}

// stepped is implemented by a body that keeps numbers of a step, which are the same for all pieces, in h.
type stepped interface{ step(h *Hyper) }

// Measurer is optionally implemented by a body that needs sums over the whole parameter, or over all of them. Measure adds to sum,
// [Info].Sums numbers, what this piece contributes; the pieces are summed in a fixed order, whatever the threads.
type Measurer[T engine.Float] interface {
	Measure(v *View[T], h *Hyper, sum []float64)
}

// Preparer is optionally implemented by a body that keeps numbers for a parameter as a whole, such as one second moment a layer. Prepare
// runs once a parameter, between the measuring and the updates, on a view of the whole of it; it may write slots.
type Preparer[T engine.Float] interface {
	Prepare(v *View[T], h *Hyper)
}

// Averager is optionally implemented by a body whose weights are best evaluated elsewhere than where they are trained. Average writes
// that point to dst.
type Averager[T engine.Float] interface {
	Average(v *View[T], h *Hyper, dst []T)
}

// View is a piece of a parameter: its elements At to At+len(Weight).
type View[T engine.Float] struct {
	engine.Param
	At     int
	Weight []T
	Grad   []T      // of the weighted sum over the batch: Hyper.Scale makes it the clipped mean
	State  [][]T    // by slot; nil for a slot of bytes
	Bytes  [][]byte // by slot; nil for a slot of numbers
	// Multiply computes the matrix product c = a b of [m,k] by [k,n], row-major. c must not overlap a or b.
	Multiply func(m, n, k int, a, b, c []T)

	kernels *kernel.Table[T]
}

// Hyper is what a body gets told of the step.
type Hyper struct {
	Step   int     // of this optimizer, from 1
	LR     float64 // learning rate now, the group's factor included
	Decay  float64 // of this parameter: add Decay*w to the gradient, or the rule's own place for it. 0 where decay is decoupled
	Shrink float64 // LR times decoupled decay of this parameter; for bodies with Info.Shrinks
	Scale  float64 // of the gradient: 1/weight of the batch times clipping
	Loss   float64 // mean loss of the batch
	// Sum is what Measure found for this parameter, Total the sum over all parameters with the same rule (see Info.Apart).
	Sum, Total []float64

	correction1, correction2 float64 // Adam's, of its moments
}
