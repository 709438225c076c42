package engine

import (
	"errors"
	"fmt"
)

// One pass: forward through the operations in order, then backward through them from the end. Instruments are a second list: a watched pass
// runs its own loop, so that the plain one has no branch for them.

func (p *program[T]) forward(b *Batch) (Sum, error) {
	p.ready = false
	if err := p.take(b); err != nil {
		return Sum{}, err
	}
	if b.Watch {
		p.watch.start(b.Rows)
	}
	switch {
	case p.beginPacking():
		p.forwardPacking()
	case b.Watch:
		for _, n := range p.nodes {
			n.forward(&p.batch)
			p.watch.result(n)
		}
	default:
		for _, c := range p.chains {
			c.forward(&p.batch)
		}
	}
	if len(p.layout.states) > 0 && b.Mode.Learns() {
		p.weights.learned.Add(1)
	}
	for i, out := range p.layout.outputs {
		data := p.value(out.value, b.Rows)
		t := &p.outputs[i]
		if !out.field.Type.Fixed {
			t.Shape[0] = b.Rows
		}
		setNumbers(t, data)
	}
	p.ready = true
	return p.sum(), nil
}

// take checks a batch and remembers it.
func (p *program[T]) take(b *Batch) error {
	if b.Rows < 1 || b.Rows > p.rows {
		return fmt.Errorf("a batch of %d rows: the plan was compiled for 1 to %d", b.Rows, p.rows)
	}
	if len(b.In) != len(p.layout.inputs) {
		return fmt.Errorf("a batch of %d tensors: the network has %d inputs", len(b.In), len(p.layout.inputs))
	}
	if len(b.Bounded) > len(b.In) {
		return fmt.Errorf("a batch of %d tensors and bounds of %d", len(b.In), len(b.Bounded))
	}
	for i := range b.In {
		f := &p.layout.inputs[i]
		data := Numbers[T](b.In[i])
		if size := b.Rows * p.inputs[i].size; len(data) < size {
			if b.In[i].Len() >= size {
				return fmt.Errorf("input %q: numbers of another precision; the plan is %v", f.Name, p.precision)
			}
			return fmt.Errorf("input %q: %d numbers; %d rows of %v are %d", f.Name, b.In[i].Len(), b.Rows, f.Type.Shape, size)
		} else {
			data = data[:size]
		}
		if f.Type.Kind == Index {
			if err := checkIndex(f, data, p.inputs[i].size); err != nil {
				return err
			}
		}
		p.inputs[i].data = data
	}
	if err := p.takeCopies(b); err != nil {
		return err
	}
	p.batch = *b
	return nil
}

func checkIndex[T Float](f *Field, data []T, size int) error {
	below := T(f.Type.Below)
	for i, v := range data {
		if !(v >= 0 && v < below) || v != T(int(v)) {
			return fmt.Errorf("input %q: row %d, position %d is %v; whole numbers from 0 to %d are wanted", f.Name, i/size, i%size, v, f.Type.Below-1)
		}
	}
	return nil
}

func (p *program[T]) sum() Sum {
	var s Sum
	for i, o := range p.objectives {
		loss := p.value(o.loss, p.batch.Rows)
		if o.weight == 0 {
			for _, v := range loss {
				s.Loss += float64(v)
			}
			if i == 0 {
				s.Weight += float64(len(loss))
			}
			continue
		}
		weight := p.value(o.weight, p.batch.Rows)
		for r, v := range loss {
			s.Loss += float64(float64(weight[r]) * float64(v))
			if i == 0 {
				s.Weight += float64(weight[r])
			}
		}
	}
	return s
}

func (p *program[T]) backward() error {
	if err := p.beginBackward(); err != nil {
		return err
	}
	fresh := p.batch.Part == Whole || p.batch.Part == First
	if p.batch.Watch {
		for i := len(p.nodes) - 1; i >= 0; i-- {
			if n := p.nodes[i]; n.op.backward {
				n.prepareBackward(&p.batch, fresh)
				p.watch.gradient(n)
				n.backward(&p.batch)
			}
		}
	} else {
		for i := len(p.chains) - 1; i >= 0; i-- {
			p.chains[i].backward(&p.batch, fresh)
		}
	}
	p.showInputGradients()
	if p.group != nil && (p.batch.Part == Whole || p.batch.Part == Last) {
		if err := p.group.Sum(p.gradients); err != nil {
			return fmt.Errorf("sum of gradients over %d processes: %w", p.group.Size(), err)
		}
	}
	if p.batch.Watch {
		p.watch.parameters()
	}
	return nil
}

// beginBackward checks that a backward pass may run and starts the chain rule.
func (p *program[T]) beginBackward() error {
	switch {
	case !p.training:
		return errors.New("a plan that only predicts or measures has no backward pass; compile it without Forward and Measure")
	case len(p.objectives) == 0:
		return errors.New("the graph has no objective: there is nothing to differentiate")
	case !p.ready:
		return errors.New("backward needs a forward pass before it, once each")
	}
	p.ready, p.late.due = false, false
	if p.batch.Part == Whole || p.batch.Part == First {
		for _, s := range p.untouched {
			clear(p.live.Grad[s.at : s.at+s.size])
		}
	}
	p.seedObjectives()
	return nil
}

func (p *program[T]) showInputGradients() {
	for i := range p.inGrads {
		g := &p.inGrads[i]
		g.tensor.Shape[0] = p.batch.Rows
		setNumbers(&g.tensor, p.gradient(g.value, p.batch.Rows))
	}
}

// seedObjectives starts the chain rule: the derivative of the weighted sum by a row's loss is the row's weight.
func (p *program[T]) seedObjectives() {
	for _, o := range p.objectives {
		if !p.places[o.loss-1].needs {
			continue
		}
		grad := p.gradient(o.loss, p.batch.Rows)
		if o.first {
			clear(grad)
		}
		if o.weight == 0 {
			for r := range grad {
				grad[r]++
			}
			continue
		}
		for r, w := range p.value(o.weight, p.batch.Rows) {
			grad[r] += w
		}
	}
}

func (p *program[T]) output(i int) Tensor { return p.outputs[i] }
func (p *program[T]) readings() []Reading { return p.watch.readings }

func (p *program[T]) inputGradient(name string) Tensor {
	for i := range p.inGrads {
		if t := p.inGrads[i].tensor; t.Name == name {
			return t
		}
	}
	return Tensor{}
}

func setNumbers[T Float](t *Tensor, data []T) {
	switch data := any(data).(type) {
	case []float32:
		t.F32 = data
	case []float64:
		t.F64 = data
	}
}

// prepare points a node's step at this pass's memory.
func (n *node[T]) prepare(b *Batch) {
	p, s := n.prog, &n.step
	s.Rows, s.Row, s.Mode = n.rowsOf(b.Rows), b.Row, b.Mode
	s.Rand = Rand{n.base.At(b.Step)}
	for j, in := range n.op.in {
		s.In[j] = p.value(in, b.Rows)
	}
	s.Out = p.value(n.op.out, b.Rows)
	for i, at := range n.op.saved {
		size := at.size
		if !n.op.traits.Saved[i].Fixed {
			size *= s.Rows
		}
		s.Saved[i] = p.arena[at.at : at.at+size]
	}
	if n.op.traits.Packed > 0 {
		s.Packed = p.packs.copies[p.kindOfPack()].data[n.op.packedAt : n.op.packedAt+n.op.traits.Packed]
	}
	at := n.op.scratchForward
	s.Scratch = p.arena[at.at : at.at+at.size]
}

func (n *node[T]) forward(b *Batch) {
	n.prepare(b)
	if n.op.traits.Rowwise {
		n.runTiles(false)
		return
	}
	n.body.Forward(&n.step)
}

// prepareBackward points a node's step at the memory of its backward pass and clears the gradients that its body adds to.
func (n *node[T]) prepareBackward(b *Batch, fresh bool) {
	n.prepare(b)
	p, s := n.prog, &n.step
	at := n.op.scratchBackward
	s.Scratch = p.arena[at.at : at.at+at.size]
	s.GradOut = p.gradient(n.op.out, b.Rows)
	s.Late = p.late.on && n.op.late >= 0
	for j, in := range n.op.in {
		if !n.op.wanted[j] {
			continue
		}
		if s.Late && n.op.late == j {
			s.GradIn[j] = nil
			continue
		}
		s.First[j] = n.op.first[j]
		if p.places[in-1].kind == inWeights {
			s.First[j] = s.First[j] && fresh
		}
		if at := n.op.extra[j]; at >= 0 {
			// The same value twice: its second gradient gets memory of its own, so that no body has to think of it.
			n.temp[j] = p.arena[at : at+len(s.In[j])]
			s.GradIn[j], s.First[j] = n.temp[j], true
		} else {
			s.GradIn[j] = p.gradient(in, b.Rows)
		}
		if s.First[j] && !n.op.traits.First {
			clear(s.GradIn[j])
		}
	}
}

func (n *node[T]) backward(b *Batch) {
	if n.op.traits.Rowwise {
		n.runTiles(true)
	} else {
		n.body.Backward(&n.step)
	}
	for j, temp := range n.temp {
		if temp != nil {
			to := n.prog.gradient(n.op.in[j], b.Rows)
			for i, v := range temp {
				to[i] += v
			}
		}
	}
}

// each is Step.Each.
func (n *node[T]) each(s *Step[T], pieces int, piece Piece[T]) {
	if n.piece != nil {
		panic(fmt.Sprintf("engine: %s calls Each within a piece", opName(n.op.op)))
	}
	n.piece, n.of = piece, s
	n.spread(s)
	n.prog.pool.Run(pieces, n)
	n.piece, n.of = nil, nil
}

// Do runs a piece, or a tile of a rowwise operation, on a worker.
func (n *node[T]) Do(i, worker int) {
	local := n.prog.locals[worker][:n.op.traits.Local]
	if n.piece != nil {
		n.piece.Do(n.seen(n.of, worker), i, local)
		return
	}
	n.tile(i, worker, local)
}
