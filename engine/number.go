package engine

import (
	"fmt"
	"slices"
	"strings"
)

// The third part of compiling: which parameters and states the operations use, in which order, and where they lie in the weights.

// number lists parameters and states in the order in which the operations first use them, and finds them in given weights.
func (b *builder) number(_ *Graph, o Options) error {
	params, states := map[string]Param{}, map[string]Param{}
	if o.Weights != nil {
		if p := o.Weights.Precision(); p != o.Precision.stored() {
			return fmt.Errorf("the plan is %v and its weights are %v; compile it for the precision of the weights", o.Precision, p)
		}
		for _, p := range o.Weights.params {
			params[p.Path] = p
		}
		for _, p := range o.Weights.states {
			states[p.Path] = p
		}
	}
	use := func(id int) error {
		n := b.nodes[id-1]
		if b.places[id-1].kind != nowhere || n.source != parameter && n.source != state {
			return nil
		}
		known, list, inits := params, &b.params, &b.paramInit
		where := place{kind: inWeights, size: n.Type.Shape.Size(), fixed: true}
		if n.source == state {
			known, list, inits = states, &b.states, &b.stateInit
			where.kind = inStates
		}
		if where.size > maxElements {
			return fmt.Errorf("parameter %q is %v: %d elements; at most %d are possible", n.Path, n.Type.Shape, where.size, maxElements)
		}
		p := Param{Path: n.Path, Shape: n.Type.Shape, Role: n.Role}
		if o.Weights != nil {
			given, ok := known[n.Path]
			if !ok {
				return fmt.Errorf("the weights have no %q; they belong to another network", n.Path)
			}
			if !given.Shape.Equal(p.Shape) {
				return fmt.Errorf("%q is %v in the weights, the network wants %v; they belong to another network", n.Path, given.Shape, p.Shape)
			}
			p = given
		} else {
			if len(*list) > 0 {
				last := (*list)[len(*list)-1]
				p.Offset = last.Offset + aligned(last.Size())
			}
			p.Frozen = slices.ContainsFunc(o.Frozen, func(path string) bool { return below(p.Path, path) })
		}
		where.at = p.Offset
		*list = append(*list, p)
		*inits = append(*inits, n.init)
		b.places[id-1] = where
		return nil
	}
	for _, op := range b.ops {
		for _, in := range op.in {
			if err := use(in); err != nil {
				return err
			}
		}
	}
	for _, out := range b.outputs {
		if err := use(out.value); err != nil {
			return err
		}
	}
	for _, op := range b.ops {
		b.places[op.out-1] = place{kind: inArena, size: op.kind.Shape.Size(), fixed: op.kind.Fixed}
	}
	return b.checkFrozen(o)
}

// checkFrozen looks up what is to be frozen. Weights that are given bring along what is frozen in them.
func (b *builder) checkFrozen(o Options) error {
	params := b.params
	if o.Weights != nil {
		params = o.Weights.params
	}
	for _, path := range o.Frozen {
		found := false
		for _, p := range params {
			if !below(p.Path, path) {
				continue
			}
			found = true
			if !p.Frozen {
				return fmt.Errorf("frozen %q: %q is learned in the weights given; freeze it in the plan that makes the weights", path, p.Path)
			}
		}
		if !found {
			var known []string
			for _, p := range params {
				known = append(known, p.Path)
			}
			return fmt.Errorf("frozen %q: no parameter or layer has this path; parameters are %s", path, strings.Join(known, ", "))
		}
	}
	return nil
}

// below reports whether a path is a layer's or lies under it.
func below(path, layer string) bool {
	return path == layer || strings.HasPrefix(path, layer+"/")
}
