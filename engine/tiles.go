package engine

// Rowwise operations are cut into tiles of rows that run side by side. How many rows a tile has depends on sizes only, and the gradients
// of Fixed inputs are summed over the tiles in one fixed tree, so that the bits don't depend on the number of threads.

// tileElements is about how many elements of its widest value a tile covers: enough work to be worth handing over, little enough to stay in
// a core's first cache.
const tileElements = 8192

// tileRows is the number of rows of a tile. Where tiles keep partial sums there are at most maxTiles.
func tileRows(width, rows int, partial bool) int {
	t := max(1, tileElements/max(1, width))
	if partial {
		t = max(t, (rows+maxTiles-1)/maxTiles)
	}
	return min(t, rows)
}

// beginTiles cuts the step's rows into tiles.
func (n *node[T]) beginTiles(back bool) {
	c := &n.op.chain
	n.back = back
	n.tileRows = tileRows(c.width, n.step.Rows, back && c.partial)
	n.splits = back && n.op.partials.size > 0 && n.tileCount() > 1
}

func (n *node[T]) tileCount() int { return (n.step.Rows + n.tileRows - 1) / n.tileRows }

// endTiles sums what the tiles have left of a backward pass.
func (n *node[T]) endTiles() {
	if n.splits {
		n.sumPartials(n.tileCount())
	}
}

// runTiles runs a rowwise operation alone.
func (n *node[T]) runTiles(back bool) {
	n.beginTiles(back)
	n.prog.pool.Run(n.tileCount(), n)
	n.endTiles()
}

// tile runs rows i*tileRows and following of the step on one worker.
func (n *node[T]) tile(i, worker int, local []T) {
	from := i * n.tileRows
	rows := min(n.tileRows, n.step.Rows-from)
	whole, s := &n.step, &n.views[worker].step
	s.Rows, s.Row, s.Mode, s.Rand = rows, whole.Row+from, whole.Mode, whole.Rand
	s.Packed, s.Scratch, s.local = whole.Packed, local[:n.op.tileScratch], local[aligned(n.op.tileScratch):]
	cut := func(x []T, size int) []T { return x[from*size : (from+rows)*size] }
	out := n.op.kind.Shape.Size()
	s.Out = cut(whole.Out, out)
	for j := range whole.In {
		if n.op.types[j].Fixed {
			s.In[j] = whole.In[j]
		} else {
			s.In[j] = cut(whole.In[j], n.op.types[j].Shape.Size())
		}
	}
	for j, t := range n.op.traits.Saved {
		s.Saved[j] = cut(whole.Saved[j], t.Shape.Size())
	}
	if !n.back {
		n.body.Forward(s)
		return
	}
	s.GradOut = cut(whole.GradOut, out)
	at := n.op.partials.at + i*n.op.partials.size
	for j := range whole.In {
		s.First[j] = whole.First[j]
		switch {
		case whole.GradIn[j] == nil:
			s.GradIn[j] = nil
		case !n.op.types[j].Fixed:
			s.GradIn[j] = cut(whole.GradIn[j], n.op.types[j].Shape.Size())
		case !n.splits:
			s.GradIn[j] = whole.GradIn[j]
		default:
			size := n.op.types[j].Shape.Size()
			s.GradIn[j], s.First[j] = n.prog.arena[at:at+size], true
			if !n.op.traits.First {
				clear(s.GradIn[j])
			}
			at += aligned(size)
		}
	}
	n.body.Backward(s)
}

// sumPartials adds the tiles' gradients of Fixed inputs pairwise: neighbours first, then pairs of pairs.
func (n *node[T]) sumPartials(tiles int) {
	size := n.op.partials.size
	at := func(i int) []T {
		from := n.op.partials.at + i*size
		return n.prog.arena[from : from+size]
	}
	for stride := 1; stride < tiles; stride *= 2 {
		for i := 0; i+stride < tiles; i += 2 * stride {
			to, from := at(i), at(i+stride)
			for k := range to {
				to[k] += from[k]
			}
		}
	}
	sum := at(0)
	for j := range n.step.In {
		if !n.op.types[j].Fixed || n.step.GradIn[j] == nil {
			continue
		}
		grad := n.step.GradIn[j]
		if n.step.First[j] {
			copy(grad, sum)
		} else {
			for k := range grad {
				grad[k] += sum[k]
			}
		}
		sum = sum[aligned(len(grad)):]
	}
}
