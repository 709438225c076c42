package engine

import (
	"fmt"
	"slices"

	"github.com/descent-go/descent/internal/kernel"
)

// The plan as its users see it: what it is compiled for, what it runs on, what it gives back. How it is made is in compile.go, how it runs
// in run.go.

// Precision is what a plan computes in.
type Precision uint8

const (
	Float32  Precision = iota
	BFloat16           // products of bfloat16 numbers with float32 sums; weights, gradients and everything else float32
	Float64
)

var precisionNames = [...]string{"float32", "bfloat16", "float64"}

// String is the precision's name.
func (p Precision) String() string {
	if int(p) < len(precisionNames) {
		return precisionNames[p]
	}
	return fmt.Sprintf("precision %d", uint8(p))
}

// stored is the precision of weights, gradients and activations: a plan in bfloat16 runs on float32 weights, and so may one in float32 beside it.
func (p Precision) stored() Precision {
	if p == BFloat16 {
		return Float32
	}
	return p
}

// ParsePrecision reads float32, bfloat16 or float64, or their short names fp32, bf16, fp64.
func ParsePrecision(name string) (Precision, error) {
	switch name {
	case "float32", "fp32":
		return Float32, nil
	case "bfloat16", "bf16":
		return BFloat16, nil
	case "float64", "fp64":
		return Float64, nil
	}
	return 0, fmt.Errorf("unknown precision %q; float32, bfloat16 and float64 are possible", name)
}

// Options are what a plan is compiled for.
type Options struct {
	Precision Precision
	Kernels   string // a kernel set by name; "" is the best of this machine
	Rows      int    // the largest batch
	Seed      uint64 // of initial weights and of what is random in a step
	Pool      *Pool  // nil: the caller alone
	// Weights to run on; nil: new ones, from Seed. They bring along what is frozen in them, so that Frozen may then only repeat it.
	Weights *Weights
	// Blank leaves new weights zero instead of filling them: whoever compiles restores them next.
	Blank bool
	// Forward: only predict. There are no gradients; targets and objective are left out.
	Forward bool
	// Measure: only evaluate. There are targets and an objective, but no gradients.
	Measure        bool
	Frozen         []string // paths of parameters, or of layers whose parameters all stay as they are
	InputGradients []string // names of inputs whose gradient is wanted
	Watch          Watch
	Group          Group
	// Late prepares for gradients that come late ([Plan.BackwardLate]), which keeps some values of a pass in memory for longer.
	Late bool
}

// Watch says which readings a watched pass takes beside the norms that it always takes.
type Watch struct{ Units, Histograms, RowNorms bool }

// Group is several processes that train one network on parts of each batch. Sum adds the tensors of all ranks, in rank order, into each.
type Group interface {
	Rank() int
	Size() int
	Sum(Tensor) error
}

// Part is the place of a pass within an accumulated step: gradients are cleared before the first and complete after the last.
type Part uint8

const (
	Whole  Part = iota // the step has one pass
	First              // clears gradients before, like Whole
	Middle             // adds to what the earlier parts left
	Last               // adds, and then sums over the processes of Options.Group, like Whole
)

// Batch is what one pass runs on.
type Batch struct {
	In []Tensor // in the order of Plan.Inputs, each with rows first; read in place until the backward pass has ended
	// Copies, if there are any, are In once more for each further thread of the pool: where threads read all rows, each reads its own.
	Copies [][]Tensor
	// Bounded, if it is there, says of which of In the caller knows that all magnitudes are below 2^50.
	Bounded []bool
	Rows    int
	Row     int    // place of the first row in the step's whole batch, when a step is accumulated
	Step    uint64 // keys the random numbers
	Mode    Mode
	Part    Part
	Watch   bool
}

// Sum is a weighted sum over rows: the mean loss is Loss / Weight.
type Sum struct{ Loss, Weight float64 }

// Mean is Loss / Weight, zero without weight.
func (s Sum) Mean() float64 {
	if s.Weight == 0 {
		return 0
	}
	return s.Loss / s.Weight
}

// Reading is what an instrument read: What of the layer or parameter at Path.
type Reading struct {
	Path, What string
	Values     []float64
}

// Plan is a graph compiled for one precision and one largest batch, with memory of its own. A plan is used by one goroutine at a time; for
// more, [Plan.Fork] it.
type Plan struct {
	layout  *layout
	weights *Weights
	options Options
	run     runner
}

func newPlan(l *layout, w *Weights, o Options) (*Plan, error) {
	if l.training {
		w.needGradient()
	}
	p := &Plan{layout: l, weights: w, options: o}
	var err error
	if l.precision == Float64 {
		p.run, err = newProgram[float64](l, w, o)
	} else {
		p.run, err = newProgram[float32](l, w, o)
	}
	return p, err
}

// Inputs lists what Batch.In must hold, in order.
func (p *Plan) Inputs() []Field { return slices.Clone(p.layout.inputs) }

// Outputs lists the values that Output can read.
func (p *Plan) Outputs() []Field {
	var out []Field
	for _, o := range p.layout.outputs {
		out = append(out, o.field)
	}
	return out
}

// Rows is the largest batch.
func (p *Plan) Rows() int { return p.layout.rows }

// Kernels is the kernel set in use.
func (p *Plan) Kernels() string { return p.layout.kernels }

// Weights are what the plan runs on.
func (p *Plan) Weights() *Weights { return p.weights }

// Cost is what the plan needs.
func (p *Plan) Cost() Cost { return p.layout.cost(p.options.Pool.Threads()) }

// Forward computes all values for a batch and returns the sums of the objective over its rows; the mean loss is Sum.Mean. Errors name the
// input, the row and what is wanted.
func (p *Plan) Forward(b *Batch) (Sum, error) { return p.run.forward(b) }

// Backward computes the gradient of the weighted sum over the rows of the last Forward, adding to what the earlier parts of an accumulated
// step left.
func (p *Plan) Backward() error { return p.run.backward() }

// Late lists the parameters whose gradient can be formed after the rest of the backward pass.
func (p *Plan) Late() []Param { return p.layout.lateParams() }

// BackwardLate is [Plan.Backward] without the gradients of [Plan.Late], for a step of one part that is not watched. They are still to be
// formed: by [BackwardTo] or by [Plan.BackwardRest].
func (p *Plan) BackwardLate() error { return p.run.backwardLate() }

// LateFinite reports whether the gradients that are still to be formed are finite for sure, which the size of what they are formed from
// tells. False means that they may be or not.
func (p *Plan) LateFinite() bool { return p.run.lateFinite() }

// BackwardRest forms the gradients that BackwardLate has left out, where Backward would have put them.
func (p *Plan) BackwardRest() { p.run.backwardRest() }

// An Updater knows what the gradient of a parameter is for; nil where nothing is done with it. Param is one of [Plan.Late].
type Updater[T Float] interface {
	UpdateOf(Param) *kernel.Update[T]
}

// BackwardTo forms the gradients that BackwardLate has left out of a plan in precision T, for the updates that u names, and does pieces 0
// to n-1 of more beside. The weights change meanwhile ([Weights.Changed] is told), and their gradient is not that of the step afterwards.
func BackwardTo[T Float](p *Plan, u Updater[T], more Task, n int) {
	run, ok := p.run.(*program[T])
	if !ok {
		panic(fmt.Sprintf("engine: late gradients in %T of a plan in %v", T(0), p.layout.precision))
	}
	run.backwardTo(u, more, n)
}

// Output is a named value of the last Forward, rows first. Its memory is the plan's: it is valid until the next Forward. The zero Tensor
// means that the plan has no such output.
func (p *Plan) Output(name string) Tensor {
	for i := range p.layout.outputs {
		if p.layout.outputs[i].name == name {
			return p.run.output(i)
		}
	}
	return Tensor{}
}

// InputGradient is the gradient by an input named in Options.InputGradients, valid until the next Forward.
func (p *Plan) InputGradient(name string) Tensor {
	return p.run.inputGradient(name)
}

// Readings are what the instruments read in the last watched pass, in an order that never changes. They are valid until the next one.
func (p *Plan) Readings() []Reading { return p.run.readings() }

// Fork returns a plan with the same code and buffers of its own, on w or, if w is nil, on the same weights. W is a [Weights.Copy] of the
// plan's weights, or of another plan of the same network; Fork panics on others. Forks on the same weights may run at the same time as long
// as nobody writes the weights: no optimizer steps, no backward pass (there is one gradient), no pass learns running states.
func (p *Plan) Fork(w *Weights) *Plan {
	if w == nil {
		w = p.weights
	}
	if err := p.weights.sameNetwork(w); err != nil {
		panic("engine: fork: " + err.Error())
	}
	f, err := newPlan(p.layout, w, p.options)
	if err != nil {
		panic("engine: fork: " + err.Error())
	}
	if w == p.weights {
		f.run.share(p.run)
	}
	return f
}
