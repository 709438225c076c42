package engine

import (
	"errors"
	"fmt"
	"slices"
)

// The fourth part of compiling: back-propagation on paper. Which gradients exist, and who writes each of them first.

// differentiate goes through the operations as the backward pass will.
func (b *builder) differentiate(_ *Graph, o Options) error {
	if !b.training {
		if len(o.InputGradients) > 0 {
			return errors.New("a plan that only predicts has no input gradients; compile without Forward")
		}
		return nil
	}
	if err := b.wantInputs(o.InputGradients); err != nil {
		return err
	}
	frozen := map[int]bool{}
	for _, p := range b.params {
		frozen[p.Offset] = p.Frozen
	}
	for i := range b.places {
		if p := &b.places[i]; p.kind == inWeights {
			p.needs = !frozen[p.at]
		}
	}
	for _, op := range b.ops {
		for _, in := range op.in {
			if b.places[in-1].needs {
				b.places[op.out-1].needs = true
			}
		}
	}
	for i := range b.objectives {
		loss := &b.places[b.objectives[i].loss-1]
		b.objectives[i].first = !loss.written
		loss.written = true
	}
	for i := len(b.ops) - 1; i >= 0; i-- {
		op := &b.ops[i]
		op.wanted, op.first, op.extra = make([]bool, len(op.in)), make([]bool, len(op.in)), make([]int, len(op.in))
		out := b.places[op.out-1]
		op.backward = out.needs && out.written
		for j, in := range op.in {
			op.extra[j] = -1
			p := &b.places[in-1]
			if !op.backward || !p.needs {
				continue
			}
			op.wanted[j] = true
			if slices.Contains(op.in[:j], in) {
				op.extra[j], op.first[j] = 0, true // placed in allocate
				continue
			}
			op.first[j] = !p.written
			p.written = true
		}
	}
	for id, p := range b.places {
		if p.kind == inInput && p.needs && !p.written {
			return fmt.Errorf("input gradient of %q: the objective does not depend on it", b.nodes[id].Path)
		}
	}
	b.findUntouched(o.Weights)
	b.findLate(o)
	return nil
}

// findLate finds the operations that may form a parameter's gradient late: they alone read the parameter, and no other process adds to it.
func (b *builder) findLate(o Options) {
	readers := make([]int, len(b.places))
	for _, op := range b.ops {
		for _, in := range op.in {
			readers[in-1]++
		}
	}
	for i := range b.ops {
		op := &b.ops[i]
		op.late = -1
		if !o.Late || !op.backward || op.traits.Rowwise || o.Group != nil {
			continue
		}
		j := -1
		switch body := op.code.body(b.precision).(type) {
		case Later[float32]:
			j = body.Late()
		case Later[float64]:
			j = body.Late()
		}
		if j >= 0 && op.wanted[j] && b.places[op.in[j]-1].kind == inWeights && readers[op.in[j]-1] == 1 {
			op.late = j
		}
	}
}

// wantInputs marks the inputs whose gradient is asked for.
func (b *builder) wantInputs(names []string) error {
	for _, name := range names {
		i := slices.IndexFunc(b.inputs, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("input gradient of %q: the network has no such input", name)
		}
		if b.inputs[i].Type.Kind == Index {
			return fmt.Errorf("input gradient of %q: an index has none", name)
		}
		for id := range b.places {
			if p := &b.places[id]; p.kind == inInput && p.at == i {
				p.needs = true
			}
		}
	}
	return nil
}

// findUntouched lists the parameters that no backward pass of this plan writes, those of given weights that other plans use included: the
// gradient of a step is zero there, not what another plan left.
func (b *builder) findUntouched(given *Weights) {
	all := b.params
	if given != nil {
		all = given.params
	}
	written := map[int]bool{}
	for _, p := range b.places {
		if p.kind == inWeights && p.written {
			written[p.at] = true
		}
	}
	for _, p := range all {
		if !written[p.Offset] && !p.Frozen {
			b.untouched = append(b.untouched, span{p.Offset, p.Size()})
		}
	}
}
