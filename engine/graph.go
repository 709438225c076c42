package engine

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Role says what a parameter is for, so that optimizers can treat kinds of parameters apart without knowing layers.
type Role uint8

const (
	Weight    Role = iota // of a product or a convolution
	Bias                  // added
	Norm                  // scale and shift of a normalization
	Embedding             // a table of vectors
	Output                // weight of the layer that gives the network's answer
)

var roleNames = []string{"weight", "bias", "norm", "embedding", "output"}

// String is the role's name.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	if i := slices.Index(roleNames, name); i >= 0 {
		return Role(i), nil
	}
	return 0, fmt.Errorf("unknown role %q; roles are %s", name, strings.Join(roleNames, ", "))
}

// Init fills the initial values of a parameter or state of shape s, row-major, from r alone.
type Init interface {
	Fill(w []float64, s Shape, r Rand)
}

// PartInit is an [Init] whose numbers can be had in any order: FillPart gives w the numbers from place from on that Fill gives them there.
// Large parameters are then filled in parts, on the threads of a pool.
type PartInit interface {
	Init
	FillPart(w []float64, from int, s Shape, r Rand)
}

// Value is a result within one graph. The zero Value is none.
type Value struct {
	id int       // its place among the graph's nodes, from 1
	of *building // its graph
}

// Valid reports whether v is a value at all.
func (v Value) Valid() bool { return v.id > 0 }

// MarshalText is the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a role's name.
func (r *Role) UnmarshalText(text []byte) error {
	role, err := ParseRole(string(text))
	if err == nil {
		*r = role
	}
	return err
}

// Node is what a value comes from. Op is nil for an input, a parameter and a state; Field is set for an input.
type Node struct {
	Path  string
	Op    Op
	In    []Value
	Type  Type
	Role  Role
	Field *Field

	source source
	init   Init
}

type source uint8

const (
	computed source = iota
	input
	parameter
	state
	reshaped // another shape of In[0]'s elements: no operation, no memory
)

// IsParam reports whether the node is a learned parameter.
func (n Node) IsParam() bool { return n.source == parameter }

// IsState reports whether the node is a running state.
func (n Node) IsState() bool { return n.source == state }

// Graph is a directed acyclic graph of operations under construction. Its methods never fail: the first error is kept, with the path of the
// layer that caused it, and [Compile] returns it. Values computed after an error are of no use but harmless.
type Graph struct {
	*building
	scope  string
	shared bool
}

type building struct {
	nodes      []Node
	paths      map[string]Value // parameters, states, inputs
	outputs    []output
	objectives []objective
	err        error
}

type output struct {
	name  string
	value Value
}

type objective struct{ loss, weight Value }

// NewGraph returns an empty graph.
func NewGraph() *Graph {
	return &Graph{building: &building{paths: map[string]Value{}}}
}

// Err is the first error, nil while there is none.
func (g *Graph) Err() error { return g.err }

// Fail keeps err as the graph's error, unless it has one; a layer calls it for settings that no network can have.
func (g *Graph) Fail(err error) {
	if g.err == nil {
		if g.scope == "" {
			g.err = err
		} else {
			g.err = fmt.Errorf("layer %q: %w", g.scope, err)
		}
	}
}

func (g *Graph) failf(format string, args ...any) Value {
	g.Fail(fmt.Errorf(format, args...))
	return Value{}
}

// In returns the graph with names below a scope: parameters made through it have paths "scope/name".
func (g *Graph) In(name string) *Graph {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		g.failf("scope name %q: a name without / is wanted", name)
	}
	return &Graph{building: g.building, scope: g.join(name), shared: g.shared}
}

// Shared returns the graph with an absolute scope in which the same parameter asked for twice is one parameter; elsewhere that is an error.
func (g *Graph) Shared(name string) *Graph {
	if name == "" {
		g.failf("shared scope: a name is wanted")
	}
	return &Graph{building: g.building, scope: name, shared: true}
}

// Scope is the path of the layer that g builds, "" at the top.
func (g *Graph) Scope() string { return g.scope }

func (g *Graph) join(name string) string {
	if g.scope == "" {
		return name
	}
	return g.scope + "/" + name
}

func (g *Graph) add(n Node) Value {
	g.nodes = append(g.nodes, n)
	return Value{len(g.nodes), g.building}
}

func (g *Graph) node(v Value) (Node, bool) {
	if v.id < 1 || v.of != g.building {
		return Node{}, false
	}
	return g.nodes[v.id-1], true
}

// Input is a field of the data. The same name with the same type is the same input; it is a feature if any layer reads it as one.
func (g *Graph) Input(f Field) Value {
	if g.err != nil {
		return Value{}
	}
	if f.Name == "" || f.Type.Fixed || f.Type.Shape.Size() < 1 {
		return g.failf("input %q of type %v: a name and a row shape without zeros or overflow are wanted", f.Name, f.Type)
	}
	if f.Type.Kind == Index && (f.Type.Below < 1 || f.Type.Below > MaxIndex) {
		return g.failf("input %q: index below %d; 1 to %d is possible", f.Name, f.Type.Below, MaxIndex)
	}
	if v, ok := g.paths["input "+f.Name]; ok {
		if old := g.nodes[v.id-1].Type; !old.Shape.Equal(f.Type.Shape) || old.Kind != f.Type.Kind || old.Below != f.Type.Below {
			return g.failf("input %q is %v and cannot be %v as well", f.Name, old, f.Type)
		}
		if f.Use == Feature {
			g.nodes[v.id-1].Field.Use = Feature
		}
		return v
	}
	f.Type.Shape = slices.Clone(f.Type.Shape)
	v := g.add(Node{Path: f.Name, Type: f.Type, Field: &f, source: input})
	g.paths["input "+f.Name] = v
	return v
}

// Param is a learned parameter with its initial values. A path that exists is an error, except within [Graph.Shared].
func (g *Graph) Param(name string, s Shape, r Role, i Init) Value {
	return g.fixed(Node{Type: Type{Shape: s, Fixed: true}, Role: r, source: parameter, init: i}, name)
}

// State is a running state, such as a mean over batches. Its value is in Step.In; a body writes it, there, only where Mode.Learns.
func (g *Graph) State(name string, s Shape, i Init) Value {
	return g.fixed(Node{Type: Type{Shape: s, Fixed: true}, source: state, init: i}, name)
}

func (g *Graph) fixed(n Node, name string) Value {
	if g.err != nil {
		return Value{}
	}
	n.Path = g.join(name)
	if name == "" || n.Type.Shape.Size() < 1 {
		return g.failf("parameter %q of shape %v: a name and a shape without zeros or overflow are wanted", n.Path, n.Type.Shape)
	}
	if n.init == nil {
		return g.failf("parameter %q has no initializer", n.Path)
	}
	if v, ok := g.paths[n.Path]; ok {
		old := g.nodes[v.id-1]
		if !g.shared {
			return g.failf("parameter %q exists already; name the layers apart, or share them on purpose (nn.Shared)", n.Path)
		}
		if old.source != n.source {
			return g.failf("shared %q is a parameter in one place and a running state in another", n.Path)
		}
		if !old.Type.Shape.Equal(n.Type.Shape) {
			return g.failf("shared parameter %q is %v here and %v elsewhere", n.Path, n.Type.Shape, old.Type.Shape)
		}
		return v
	}
	n.Type.Shape = slices.Clone(n.Type.Shape)
	v := g.add(n)
	g.paths[n.Path] = v
	return v
}

// Get finds an output, an input or a parameter by name.
func (g *Graph) Get(name string) Value {
	if g.err != nil {
		return Value{}
	}
	for _, o := range g.outputs {
		if o.name == name {
			return o.value
		}
	}
	for _, path := range []string{"input " + name, g.join(name), name} {
		if v, ok := g.paths[path]; ok {
			return v
		}
	}
	var known []string
	for _, o := range g.outputs {
		known = append(known, o.name)
	}
	for path := range g.paths {
		known = append(known, strings.TrimPrefix(path, "input "))
	}
	slices.Sort(known)
	return g.failf("no value is named %q; there are %s", name, strings.Join(known, ", "))
}

// Output names a value so that it can be read after a forward pass and found by Get.
func (g *Graph) Output(name string, v Value) Value {
	if g.err != nil {
		return Value{}
	}
	if _, ok := g.node(v); !ok {
		return g.failf("output %q has no value of this graph", name)
	}
	if name == "" {
		return g.failf("an output of %v has no name", g.Type(v))
	}
	for _, o := range g.outputs {
		if o.name == name {
			return g.failf("output %q exists already", name)
		}
	}
	g.outputs = append(g.outputs, output{name, v})
	return v
}

// Objective adds what is to be minimized: loss is one number a row, weight how much the row counts, one if it is not [Value.Valid]. The
// plan sums weight*loss and weight over the rows. No gradient flows through weight. Of several objectives the losses add up and the
// first one's weights divide.
func (g *Graph) Objective(loss, weight Value) {
	if g.err != nil {
		return
	}
	for i, v := range []Value{loss, weight} {
		n, ok := g.node(v)
		if i == 1 && !v.Valid() {
			continue
		}
		if !ok {
			g.failf("objective: %s is no value of this graph", [...]string{"the loss", "the weight"}[i])
			return
		}
		if n.Type.Fixed || n.Type.Shape.Size() != 1 {
			g.failf("objective: %s is %v; one number a row is wanted", [...]string{"the loss", "the weight"}[i], n.Type)
			return
		}
	}
	g.objectives = append(g.objectives, objective{loss, weight})
}

// Reshape is v with another shape of as many elements. It costs nothing.
func (g *Graph) Reshape(v Value, s Shape) Value {
	if g.err != nil {
		return Value{}
	}
	n, ok := g.node(v)
	if !ok {
		return g.failf("reshape to %v has no value of this graph", s)
	}
	if s.Size() != n.Type.Shape.Size() {
		return g.failf("reshape: %v has %d elements, %v has %d", n.Type.Shape, n.Type.Shape.Size(), s, s.Size())
	}
	if s.Equal(n.Type.Shape) {
		return v
	}
	t := n.Type
	t.Shape = slices.Clone(s)
	return g.add(Node{Path: g.scope, In: []Value{v}, Type: t, source: reshaped})
}

// Apply is the result of an operation. When all inputs are Fixed, so is the result, and the operation runs as on one row.
func (g *Graph) Apply(op Op, in ...Value) Value {
	if g.err != nil {
		return Value{}
	}
	if op == nil {
		return g.failf("apply: there is no operation")
	}
	types := make([]Type, len(in))
	fixed := len(in) > 0
	for i, v := range in {
		n, ok := g.node(v)
		if !ok {
			return g.failf("%s: input %d is no value of this graph", opName(op), i)
		}
		types[i] = n.Type
		fixed = fixed && n.Type.Fixed
	}
	t, err := op.Type(types)
	if err != nil {
		return g.failf("%s: %w", opName(op), err)
	}
	if t.Shape.Size() < 1 {
		return g.failf("%s: the result would be %v; no dimension may be zero, negative or overflow", opName(op), t.Shape)
	}
	t.Fixed = fixed
	return g.add(Node{Path: g.scope, Op: op, In: slices.Clone(in), Type: t})
}

// Type is the type of a value.
func (g *Graph) Type(v Value) Type {
	n, _ := g.node(v)
	return n.Type
}

// Nodes lists all values in the order in which they were made, for export, drawing and counting.
func (g *Graph) Nodes() iter.Seq2[Value, Node] {
	return func(yield func(Value, Node) bool) {
		for i, n := range g.nodes {
			if !yield(Value{i + 1, g.building}, n) {
				return
			}
		}
	}
}

// Outputs lists the named values in the order in which they were named.
func (g *Graph) Outputs() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, o := range g.outputs {
			if !yield(o.name, o.value) {
				return
			}
		}
	}
}

// opName is an operation's type name without its package and without Op at its end, for messages.
func opName(op Op) string {
	name := fmt.Sprintf("%T", op)
	return strings.TrimSuffix(strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "*"), "Op")
}
