package engine

import (
	"fmt"
	"strings"
)

// The second part of compiling: every operation names itself, its code and what the code needs.

// choose asks every operation for its code and what it needs.
func (b *builder) choose(*Graph, Options) error {
	count := map[string]int{}
	for i := range b.ops {
		op := &b.ops[i]
		count[op.path]++
		op.name = op.path
		if op.name == "" {
			op.name = strings.ToLower(opName(op.op))
		}
		if n := count[op.path]; n > 1 {
			op.name = fmt.Sprintf("%s.%d", op.name, n)
		}
		op.code = op.op.Code(op.types, Conditions{Rows: b.layout.rows, Kernels: b.kernels, Training: b.training})
		body := op.code.body(b.precision)
		if body == nil {
			return fmt.Errorf("layer %q: %s does not run in %v", op.path, opName(op.op), b.precision)
		}
		if t, ok := body.(Traiter); ok {
			op.traits = t.Traits()
		}
		if err := op.traits.check(); err != nil {
			return fmt.Errorf("layer %q: %s %w", op.path, opName(op.op), err)
		}
		if op.kind.Fixed {
			op.traits.Rowwise = false // there is one row and nothing to cut
		}
		if op.traits.Rowwise {
			// Tiles run side by side, so their scratch is a worker's and lies before what their pieces may use.
			op.tileScratch = op.traits.Scratch
			op.traits.Local += aligned(op.tileScratch)
			op.traits.Scratch = 0
		}
		b.local = max(b.local, aligned(op.traits.Local))
	}
	return nil
}

// body is the code for a precision, nil if there is none.
func (c Code) body(p Precision) any {
	switch {
	case p == Float64 && c.F64 != nil:
		return c.F64
	case p == BFloat16 && c.BF16 != nil:
		return c.BF16
	case p != Float64 && c.F32 != nil:
		return c.F32
	}
	return nil
}

// check finds wants that no plan can fulfill.
func (t Traits) check() error {
	for _, want := range []struct {
		name string
		n    int
	}{{"packed", t.Packed}, {"scratch", t.Scratch}, {"local", t.Local}} {
		if want.n < 0 || want.n > maxElements {
			return fmt.Errorf("wants %d elements of %s memory; 0 to %d are possible", want.n, want.name, maxElements)
		}
	}
	for i, saved := range t.Saved {
		if size := saved.Shape.Size(); size < 1 || size > maxElements {
			return fmt.Errorf("saves value %d of shape %v; no dimension may be zero or overflow", i, saved.Shape)
		}
		if t.Rowwise && saved.Fixed {
			return fmt.Errorf("is rowwise and saves value %d without rows; that cannot be cut into tiles", i)
		}
	}
	return nil
}
