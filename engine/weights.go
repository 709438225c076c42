package engine

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"unsafe"
)

// Param is one named part of the parameter vector. Its elements are Vector.Weight[Offset : Offset+Shape.Size()].
type Param struct {
	Path   string // such as "dense1/weight"
	Shape  Shape
	Role   Role
	Frozen bool // has no gradient and is not updated
	Offset int
}

// Size is the number of elements.
func (p Param) Size() int { return p.Shape.Size() }

// Weights is what is learned, apart from what runs on it: all parameters as one vector, their gradients as another, the running states as a
// third, and a version that plans compare to see whether their packed copies are stale. Plans share it; several may read it at once, and
// nobody may while an optimizer or a pass that learns running states writes.
type Weights struct {
	params  []Param
	states  []Param
	size    int // of the parameter vector, padding included
	stateSz int
	f32     *Vector[float32]
	f64     *Vector[float64]
	kernels string        // the set of the plan that they were made for
	version atomic.Uint64 // counts calls of Changed
	learned atomic.Uint64 // counts passes that may have written states
}

// Vector is the live memory of a [Weights] in its precision. Parameters start at multiples of 64 bytes; the elements between them are zero
// and stay zero under every rule that leaves a zero weight with a zero gradient alone. Grad is nil where plans only predict.
type Vector[T Float] struct{ Weight, Grad, State []T }

// alignment, in elements: 64 bytes of float32, so that vector code of any width starts on a boundary.
const alignment = 16

func aligned(n int) int { return (n + alignment - 1) / alignment * alignment }

// allocate returns n zeroed elements that start at a multiple of 64 bytes.
func allocate[T Float](n int) []T {
	if n == 0 {
		return []T{}
	}
	const line = 64
	size := int(unsafe.Sizeof(T(0)))
	raw := make([]T, n+line/size)
	skip := (line - int(uintptr(unsafe.Pointer(&raw[0]))%line)) % line / size
	return raw[skip : skip+n : skip+n]
}

func newWeights(params, states []Param, p Precision, gradients bool) *Weights {
	w := &Weights{params: params, states: states}
	place := func(list []Param) int {
		offset := 0
		for i := range list {
			list[i].Offset = offset
			offset += aligned(list[i].Size())
		}
		return offset
	}
	w.size, w.stateSz = place(params), place(states)
	if p == Float64 {
		w.f64 = newVector[float64](w.size, w.stateSz, gradients)
	} else {
		w.f32 = newVector[float32](w.size, w.stateSz, gradients)
	}
	return w
}

func newVector[T Float](size, states int, gradients bool) *Vector[T] {
	v := &Vector[T]{Weight: allocate[T](size), State: allocate[T](states)}
	if gradients {
		v.Grad = allocate[T](size)
	}
	return v
}

func (w *Weights) needGradient() {
	if w.f64 != nil && w.f64.Grad == nil {
		w.f64.Grad = allocate[float64](w.size)
	}
	if w.f32 != nil && w.f32.Grad == nil {
		w.f32.Grad = allocate[float32](w.size)
	}
}

// Params lists the parameters in order of first use: a backward pass completes their gradients from the end.
func (w *Weights) Params() []Param { return slices.Clone(w.params) }

// Count is the number of learned values, padding left out.
func (w *Weights) Count() int {
	n := 0
	for _, p := range w.params {
		n += p.Size()
	}
	return n
}

// Precision is Float64 for float64 weights, else Float32.
func (w *Weights) Precision() Precision {
	if w.f64 != nil {
		return Float64
	}
	return Float32
}

// Kernels is the kernel set of the plan that the weights were made for: what updates them computes with the same.
func (w *Weights) Kernels() string { return w.kernels }

// Copy returns an independent copy of parameters, states and gradient.
func (w *Weights) Copy() *Weights {
	c := &Weights{params: slices.Clone(w.params), states: slices.Clone(w.states), size: w.size, stateSz: w.stateSz, kernels: w.kernels}
	if w.f32 != nil {
		c.f32 = w.f32.copy()
	}
	if w.f64 != nil {
		c.f64 = w.f64.copy()
	}
	return c
}

func (v *Vector[T]) copy() *Vector[T] {
	c := newVector[T](len(v.Weight), len(v.State), v.Grad != nil)
	copy(c.Weight, v.Weight)
	copy(c.Grad, v.Grad)
	copy(c.State, v.State)
	return c
}

// Keep returns copies of the parameters, then of the running states, each under its path.
func (w *Weights) Keep() []Tensor {
	if w.f64 != nil {
		return append(cut(w.f64.Weight, w.params), cut(w.f64.State, w.states)...)
	}
	return append(cut(w.f32.Weight, w.params), cut(w.f32.State, w.states)...)
}

// Gradients returns copies of the gradient of the weighted sum over the rows of the last step, each under its parameter's path. Frozen
// parameters have none.
func (w *Weights) Gradients() []Tensor {
	open := slices.DeleteFunc(slices.Clone(w.params), func(p Param) bool { return p.Frozen })
	if w.f64 != nil {
		return cut(w.f64.Grad, open)
	}
	return cut(w.f32.Grad, open)
}

func cut[T Float](from []T, list []Param) []Tensor {
	if from == nil {
		return nil
	}
	out := make([]Tensor, len(list))
	for i, p := range list {
		out[i] = TensorOf(p.Path, slices.Clone(p.Shape), slices.Clone(from[p.Offset:p.Offset+p.Size()]))
	}
	return out
}

// Restore writes parameters and states that Keep returned, in either precision. Every parameter and state must be there with its shape and
// nothing else may be; otherwise nothing is written and the error names the first difference.
func (w *Weights) Restore(tensors []Tensor) error {
	all := append(slices.Clone(w.params), w.states...)
	byName := make(map[string]Tensor, len(tensors))
	for _, t := range tensors {
		if _, twice := byName[t.Name]; twice {
			return fmt.Errorf("weights: %q is there twice", t.Name)
		}
		byName[t.Name] = t
	}
	for _, p := range all {
		t, ok := byName[p.Path]
		if !ok {
			return fmt.Errorf("weights: %q (%v) is missing; these weights belong to another network", p.Path, p.Shape)
		}
		if !t.Shape.Equal(p.Shape) {
			return fmt.Errorf("weights: %q is %v, the network wants %v; these weights belong to another network", p.Path, t.Shape, p.Shape)
		}
		if t.U8 != nil {
			return fmt.Errorf("weights: %q holds bytes; float32 or float64 numbers are wanted", p.Path)
		}
		if t.Len() != p.Size() {
			return fmt.Errorf("weights: %q holds %d numbers, %v wants %d", p.Path, t.Len(), p.Shape, p.Size())
		}
		if w.f32 != nil {
			for i, v := range t.F64 {
				if math.Abs(v) > math.MaxFloat32 && !math.IsInf(v, 0) {
					return fmt.Errorf("weights: %q has %v at element %d, too large for float32", p.Path, v, i)
				}
			}
		}
	}
	for _, t := range tensors {
		if !slices.ContainsFunc(all, func(p Param) bool { return p.Path == t.Name }) {
			return fmt.Errorf("weights: the network has no %q; these weights belong to another network", t.Name)
		}
	}
	for i, p := range all {
		w.write(p, byName[p.Path], i >= len(w.params))
	}
	w.Changed()
	return nil
}

func (w *Weights) write(p Param, t Tensor, state bool) { w.writePart(p, 0, t, state) }

// writePart writes t over the elements of p from place from on.
func (w *Weights) writePart(p Param, from int, t Tensor, state bool) {
	at, end := p.Offset+from, p.Offset+from+t.Len()
	switch {
	case w.f64 != nil && state:
		fill(w.f64.State[at:end], t)
	case w.f64 != nil:
		fill(w.f64.Weight[at:end], t)
	case state:
		fill(w.f32.State[at:end], t)
	default:
		fill(w.f32.Weight[at:end], t)
	}
}

func fill[T Float](to []T, from Tensor) {
	if same := Numbers[T](from); same != nil {
		copy(to, same)
		return
	}
	if from.F64 != nil {
		for i, v := range from.F64[:len(to)] {
			to[i] = T(v)
		}
		return
	}
	for i := range to {
		to[i] = T(from.At(i))
	}
}

// Assign copies parameters and states of from, which must describe the same network in the same precision, without allocating.
func (w *Weights) Assign(from *Weights) error {
	if err := w.sameNetwork(from); err != nil {
		return err
	}
	if w.f64 != nil {
		copy(w.f64.Weight, from.f64.Weight)
		copy(w.f64.State, from.f64.State)
	} else {
		copy(w.f32.Weight, from.f32.Weight)
		copy(w.f32.State, from.f32.State)
	}
	w.Changed()
	return nil
}

// sameNetwork says how from differs from w in anything but numbers.
func (w *Weights) sameNetwork(from *Weights) error {
	if w.Precision() != from.Precision() {
		return fmt.Errorf("weights: %v cannot take the place of %v", from.Precision(), w.Precision())
	}
	if len(w.params) != len(from.params) || len(w.states) != len(from.states) {
		return fmt.Errorf("weights: %d parameters and %d states cannot take the place of %d and %d; they belong to another network",
			len(from.params), len(from.states), len(w.params), len(w.states))
	}
	for k, list := range [2][]Param{w.params, w.states} {
		others := from.params
		if k == 1 {
			others = from.states
		}
		for i, p := range list {
			if q := others[i]; q.Path != p.Path || !q.Shape.Equal(p.Shape) {
				return fmt.Errorf("weights: %q (%v) cannot take the place of %q (%v); they belong to another network", q.Path, q.Shape, p.Path, p.Shape)
			}
		}
	}
	return nil
}

// Changed tells plans that packed copies are stale: whoever wrote through [Vectors] says so.
func (w *Weights) Changed() { w.version.Add(1) }

// Vectors gives the live memory, when its precision is T. It is the one generic door to weights, for optimizers; everyone else reads and
// writes copies.
func Vectors[T Float](w *Weights) (Vector[T], bool) {
	var v any
	if w.f64 != nil {
		v = w.f64
	} else {
		v = w.f32
	}
	if v, ok := v.(*Vector[T]); ok {
		return *v, true
	}
	return Vector[T]{}, false
}
