package engine

import (
	"errors"
	"fmt"
)

// Compiling goes in steps, each on plain descriptions: which nodes are needed and which neighbors one operation can do (prune.go), what code
// runs them (choose.go), which parameters there are (number.go), which gradients (differentiate.go), where everything lies (memory.go),
// what that costs (cost.go). Only then is memory taken (program.go).

// layout is a compiled graph without memory: what all forks of a plan share.
type layout struct {
	seed      uint64
	rows      int
	training  bool
	precision Precision
	kernels   string

	ops        []operation
	places     []place // by root value, index id-1
	inputs     []Field
	params     []Param
	states     []Param
	paramInit  []Init
	stateInit  []Init
	outputs    []outputLayout
	objectives []objectiveLayout
	untouched  []span // parameters of the weights without a path from the objective: their gradient is zero

	arena       int  // elements
	packed      int  // elements
	local       int  // elements a worker
	packsStates bool // some packed copy is made from running states
}

// operation is one step of the plan.
type operation struct {
	path    string
	name    string // unique within the plan: the path, numbered where a layer has several operations
	purpose string // of its random numbers
	op      Op
	in      []int  // root values
	types   []Type // of the inputs, as the operation sees them
	out     int
	kind    Type
	code    Code
	traits  Traits

	chain    chainLayout
	backward bool
	wanted   []bool // gradient by input j is wanted
	first    []bool // input j's gradient buffer holds nothing before (a parameter's: in the first part of a step)
	late     int    // the input whose gradient may come late; -1: none
	extra    []int  // arena offset of a gradient of its own where the value occurs twice among the inputs; -1 elsewhere

	saved           []span
	tileScratch     int // elements of a rowwise operation's scratch, at the start of its worker's local memory
	scratchForward  span
	scratchBackward span
	partials        span // gradients of Fixed inputs, a tile each
	packedAt        int
}

type placeKind uint8

const (
	nowhere placeKind = iota
	inInput
	inWeights
	inStates
	inArena
)

// place says where a value and its gradient lie.
type place struct {
	kind    placeKind
	at      int // which input; offset elsewhere
	size    int // elements a row
	fixed   bool
	needs   bool // has a gradient
	grad    int  // arena offset of the gradient of an input or a computed value
	written bool // some operation or objective writes the gradient
}

type span struct{ at, size int }

type outputLayout struct {
	name  string
	value int
	field Field
}

type objectiveLayout struct {
	loss, weight int  // root values; weight 0: one
	first        bool // the first to write the loss's gradient
}

// Compile turns a graph into a plan that can be run.
func Compile(g *Graph, o Options) (*Plan, error) {
	l, err := lay(g, o)
	if err != nil {
		return nil, err
	}
	w := o.Weights
	if w == nil {
		w = newWeights(l.params, l.states, l.precision, l.training)
		w.kernels = l.kernels
		if !o.Blank {
			if err := l.initialize(w, o.Seed, o.Pool); err != nil {
				return nil, err
			}
		}
	}
	return newPlan(l, w, o)
}

// Estimate says what a plan would cost, without taking memory.
func Estimate(g *Graph, o Options) (Cost, error) {
	l, err := lay(g, o)
	if err != nil {
		return Cost{}, err
	}
	return l.cost(o.Pool.Threads()), nil
}

func lay(g *Graph, o Options) (*layout, error) {
	if g == nil {
		return nil, errors.New("compile: there is no graph")
	}
	if g.err != nil {
		return nil, g.err
	}
	if o.Rows < 1 {
		return nil, fmt.Errorf("compile for %d rows: the largest batch, at least 1, is wanted", o.Rows)
	}
	if o.Precision > Float64 {
		return nil, fmt.Errorf("there is no %v; float32, bfloat16 and float64 are possible", o.Precision)
	}
	kernels, err := kernelSet(o.Kernels)
	if err != nil {
		return nil, err
	}
	l := &layout{seed: o.Seed, rows: o.Rows, training: !o.Forward && !o.Measure, precision: o.Precision, kernels: kernels}
	b := &builder{layout: l, nodes: g.nodes}
	for _, step := range []func(*Graph, Options) error{b.collect, b.absorb, b.choose, b.number, b.differentiate} {
		if err := step(g, o); err != nil {
			return nil, err
		}
	}
	l.link()
	if err := l.allocate(); err != nil {
		return nil, err
	}
	if err := l.affordable(o.Pool.Threads()); err != nil {
		return nil, err
	}
	return l, nil
}

// builder holds what is needed only while a layout is made.
type builder struct {
	*layout
	nodes []Node
}

// root follows reshapes to the value that has memory.
func (b *builder) root(v Value) int {
	for b.nodes[v.id-1].source == reshaped {
		v = b.nodes[v.id-1].In[0]
	}
	return v.id
}
