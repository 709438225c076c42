package engine

import "fmt"

// A batch that lies in memory once for each thread. What one core has written and another reads has to cross between their caches, which
// takes longer than to make a small batch twice: so who reads all rows reads its own.

// takeCopies checks a batch's copies and remembers them.
func (p *program[T]) takeCopies(b *Batch) error {
	p.copies = p.copies[:0]
	if len(b.Copies) == 0 {
		return nil
	}
	if want := p.pool.Threads() - 1; len(b.Copies) != want {
		return fmt.Errorf("a batch with %d copies of its tensors: %d are wanted, one for each further thread, or none", len(b.Copies), want)
	}
	for w, in := range b.Copies {
		if len(in) != len(p.inputs) {
			return fmt.Errorf("a batch whose copy %d has %d tensors: the network has %d inputs", w+1, len(in), len(p.inputs))
		}
		views := p.copyOf(w)
		for i := range in {
			size := len(p.inputs[i].data)
			data := Numbers[T](in[i])
			if len(data) < size {
				return fmt.Errorf("input %q: copy %d has %d numbers of %v; %d are wanted", p.layout.inputs[i].Name, w+1, len(data), p.precision, size)
			}
			views[i].data = data[:size]
		}
	}
	return nil
}

// copyOf makes room for the next copy.
func (p *program[T]) copyOf(w int) []view[T] {
	if w < cap(p.copies) {
		p.copies = p.copies[:w+1]
	} else {
		p.copies = append(p.copies, nil)
	}
	if p.copies[w] == nil {
		p.copies[w] = make([]view[T], len(p.inputs))
	}
	return p.copies[w]
}

// spread gives each worker but the first a step with its own copy of the batch, if there is one.
func (n *node[T]) spread(s *Step[T]) {
	if len(n.inputs) == 0 {
		return
	}
	for w, copies := range n.prog.copies {
		own := &n.views[w+1].step
		in := own.In
		copy(in, s.In)
		for _, j := range n.inputs {
			in[j] = copies[n.prog.places[n.op.in[j]-1].at].data
		}
		*own = *s
		own.In = in
	}
}

// seen is the step as a worker sees it.
func (n *node[T]) seen(s *Step[T], worker int) *Step[T] {
	if worker == 0 || len(n.inputs) == 0 || len(n.prog.copies) == 0 {
		return s
	}
	return &n.views[worker].step
}
