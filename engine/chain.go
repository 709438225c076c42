package engine

// Chains: rowwise operations that follow one another run over one tile of rows after the other, all of them on a tile while it is in the
// cache, and are handed to the pool once. It is the engine's fusion of what it knows nothing of, a user's operations included.

// link gives every operation its chain. Operations that alone are chains of one are the usual case.
func (l *layout) link() {
	for i := 0; i < len(l.ops); {
		last := i
		for l.ops[i].chains() && last+1 < len(l.ops) && l.ops[last+1].chains() {
			last++
		}
		width, partial := 0, false
		for k := i; k <= last; k++ {
			op := &l.ops[k]
			width = max(width, op.width())
			for j := range op.in {
				partial = partial || op.backward && op.wanted[j] && op.types[j].Fixed
			}
		}
		for k := i; k <= last; k++ {
			l.ops[k].chain = chainLayout{first: i, last: last, width: width, partial: partial}
		}
		i = last + 1
	}
}

// chainLayout says which operations are run together, and what decides how many rows their tiles have.
type chainLayout struct {
	first, last int
	width       int  // the largest row among the values that they touch
	partial     bool // some of them sum gradients of Fixed inputs over tiles
}

// chains reports whether an operation may run with its neighbors, tile by tile.
func (op *operation) chains() bool {
	if !op.traits.Rowwise {
		return false
	}
	for _, at := range op.extra {
		if at >= 0 {
			return false // a second gradient of one value is added as a whole
		}
	}
	return true
}

// width is the largest row among the values that an operation touches.
func (op *operation) width() int {
	w := op.kind.Shape.Size()
	for _, t := range op.types {
		if !t.Fixed {
			w = max(w, t.Shape.Size())
		}
	}
	return w
}

// chain is operations of a program that run together.
type chain[T Float] struct {
	nodes []*node[T]
	back  bool
}

// newChains cuts the nodes of a program into chains.
func newChains[T Float](nodes []*node[T]) []*chain[T] {
	var list []*chain[T]
	for i := 0; i < len(nodes); i = nodes[i].op.chain.last + 1 {
		list = append(list, &chain[T]{nodes: nodes[i : nodes[i].op.chain.last+1]})
	}
	return list
}

func (c *chain[T]) forward(b *Batch) {
	if len(c.nodes) == 1 {
		c.nodes[0].forward(b)
		return
	}
	for _, n := range c.nodes {
		n.prepare(b)
		n.beginTiles(false)
	}
	c.back = false
	c.nodes[0].prog.pool.Run(c.nodes[0].tileCount(), c)
}

func (c *chain[T]) backward(b *Batch, fresh bool) {
	any := false
	for i := len(c.nodes) - 1; i >= 0; i-- {
		n := c.nodes[i]
		if !n.op.backward {
			continue
		}
		n.prepareBackward(b, fresh)
		if len(c.nodes) == 1 {
			n.backward(b)
			return
		}
		n.beginTiles(true)
		any = true
	}
	if !any {
		return
	}
	c.back = true
	c.nodes[0].prog.pool.Run(c.nodes[0].tileCount(), c)
	for i := len(c.nodes) - 1; i >= 0; i-- {
		if n := c.nodes[i]; n.op.backward {
			n.endTiles()
		}
	}
}

// Do runs tile i through all operations of the chain.
func (c *chain[T]) Do(i, worker int) {
	if !c.back {
		for _, n := range c.nodes {
			n.Do(i, worker)
		}
		return
	}
	for k := len(c.nodes) - 1; k >= 0; k-- {
		if n := c.nodes[k]; n.op.backward {
			n.Do(i, worker)
		}
	}
}
