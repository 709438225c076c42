package engine

import (
	"errors"
	"fmt"
	"slices"
)

// The first part of compiling: which operations the outputs and objectives need at all, and which of them one operation can do together.

// collect keeps the operations that outputs and objectives need. A plan that only predicts leaves out what depends on targets and row
// weights.
func (b *builder) collect(g *Graph, o Options) error {
	withheld := make([]bool, len(b.nodes)+1) // depends on a target, in a plan that predicts
	for i, n := range b.nodes {
		if n.source == input {
			withheld[i+1] = o.Forward && n.Field.Use != Feature
		}
		for _, in := range n.In {
			withheld[i+1] = withheld[i+1] || withheld[in.id]
		}
	}
	live := make([]bool, len(b.nodes)+1)
	for _, out := range g.outputs {
		if withheld[out.value.id] {
			continue
		}
		t := b.nodes[out.value.id-1].Type
		b.outputs = append(b.outputs, outputLayout{out.name, b.root(out.value), Field{Name: out.name, Type: t}})
		live[out.value.id] = true
	}
	if !o.Forward {
		for _, objective := range g.objectives {
			laid := objectiveLayout{loss: b.root(objective.loss)}
			live[objective.loss.id] = true
			if objective.weight.Valid() {
				laid.weight = b.root(objective.weight)
				live[objective.weight.id] = true
			}
			b.objectives = append(b.objectives, laid)
		}
	}
	if len(b.outputs)+len(b.objectives) == 0 {
		if o.Forward {
			return errors.New("the graph has no output that does without targets: there is nothing to predict; name one with Output")
		}
		return errors.New("the graph has no output and no objective: nothing would be computed")
	}
	for i := len(b.nodes) - 1; i >= 0; i-- {
		if live[i+1] {
			for _, in := range b.nodes[i].In {
				live[in.id] = true
			}
		}
	}
	perPath := map[string]int{}
	for i, n := range b.nodes {
		if n.source != computed {
			continue
		}
		perPath[n.Path]++ // counted whether live or not: random numbers must not depend on what a plan leaves out
		if !live[i+1] {
			continue
		}
		op := operation{path: n.Path, purpose: fmt.Sprintf("%s#%d", n.Path, perPath[n.Path]), op: n.Op, out: i + 1, kind: n.Type}
		for _, in := range n.In {
			op.in = append(op.in, b.root(in))
			op.types = append(op.types, b.nodes[in.id-1].Type)
		}
		b.ops = append(b.ops, op)
	}
	b.places = make([]place, len(b.nodes))
	for i, n := range b.nodes {
		if live[i+1] && n.source == input {
			b.places[i] = place{kind: inInput, at: len(b.inputs), size: n.Type.Shape.Size()}
			b.inputs = append(b.inputs, *n.Field)
		}
	}
	return nil
}

// absorb lets operations take over the one that alone reads their result.
func (b *builder) absorb(*Graph, Options) error {
	pinned := map[int]bool{} // read by somebody else than operations
	for _, out := range b.outputs {
		pinned[out.value] = true
	}
	for _, o := range b.objectives {
		pinned[o.loss], pinned[o.weight] = true, true
	}
	for again := true; again; {
		again = false
		for i := 0; i < len(b.ops); i++ {
			merged, err := b.merge(i, pinned)
			if err != nil {
				return err
			}
			if merged {
				again = true
				i--
			}
		}
	}
	return nil
}

// merge lets operation i do its reader's work as well, if it offers to: the two become one in the reader's place.
func (b *builder) merge(i int, pinned map[int]bool) (bool, error) {
	a := b.ops[i]
	absorber, ok := a.op.(Absorber)
	if !ok || pinned[a.out] || a.kind.Fixed {
		return false, nil
	}
	reader, slot := b.onlyReader(a.out)
	if reader < 0 {
		return false, nil
	}
	next := b.ops[reader]
	if !next.types[slot].Shape.Equal(a.kind.Shape) {
		return false, nil // it reads another shape, which an absorber can't know of
	}
	op, ok := absorber.Absorb(next.op, slot)
	if !ok {
		return false, nil
	}
	next.op = op
	next.in = slices.Concat(a.in, next.in[:slot], next.in[slot+1:])
	next.types = slices.Concat(a.types, next.types[:slot], next.types[slot+1:])
	next.path, next.purpose = a.path, next.purpose+"+"+a.purpose
	if t, err := op.Type(next.types); err != nil {
		return false, fmt.Errorf("layer %q: %s cannot do what it offered to absorb: %w", a.path, opName(op), err)
	} else if !t.Shape.Equal(next.kind.Shape) {
		return false, fmt.Errorf("layer %q: %s makes %v of what was %v", a.path, opName(op), t.Shape, next.kind.Shape)
	}
	b.ops[reader] = next
	b.ops = slices.Delete(b.ops, i, i+1)
	return true, nil
}

// onlyReader is the operation and the slot that reads a value, or -1 if none does or several.
func (b *builder) onlyReader(value int) (reader, slot int) {
	reader = -1
	for k := range b.ops {
		for j, in := range b.ops[k].in {
			if in != value {
				continue
			}
			if reader >= 0 {
				return -1, 0
			}
			reader, slot = k, j
		}
	}
	return reader, slot
}
