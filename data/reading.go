package data

// A batch that is large enough is read in pieces of its rows, on the threads that then train on it. What is read does not depend on that.

import "github.com/descent-go/descent/engine"

// pieceNumbers is how many numbers a piece has at least: some microseconds of conversion, so that handing it over costs little.
const pieceNumbers = 1 << 13

// reading is the read of one batch: a task for a pool.
type reading struct {
	pool   *engine.Pool
	d      Dataset
	rows   []int
	size   int               // rows of a piece
	n      int               // pieces of this batch
	pieces [][]engine.Tensor // views of the tensors, of as many as there ever were
	errs   []error           // a piece
}

// Use makes l read large batches on the threads of p. Batch must not be called from within a task of p.
func (l *Loader) Use(p *engine.Pool) { l.reading = reading{pool: p, d: l.d} }

// read reads rows, in pieces if there is a pool and enough of them.
func (l *Loader) read(rows []int, to []engine.Tensor) error {
	r := &l.reading
	numbers := 0 // a row
	for _, t := range to {
		if len(t.Shape) == 0 {
			return l.d.Read(rows, to)
		}
		numbers += t.Shape[1:].Size()
	}
	size := max(1, pieceNumbers/max(1, numbers))
	pieces := (len(rows) + size - 1) / size
	size = (len(rows) + pieces - 1) / pieces // equal but for the last
	if r.pool.Threads() == 1 || len(rows) < 2*size {
		return l.d.Read(rows, to)
	}
	r.cut(rows, size, to)
	r.pool.Run(r.n, r)
	for _, err := range r.errs[:r.n] {
		if err != nil {
			return err
		}
	}
	return nil
}

// cut points the pieces at their rows of the tensors.
func (r *reading) cut(rows []int, size int, to []engine.Tensor) {
	r.rows, r.size, r.n = rows, size, (len(rows)+size-1)/size
	for len(r.pieces) < r.n {
		r.pieces, r.errs = append(r.pieces, nil), append(r.errs, nil)
	}
	for k := range r.n {
		if len(r.pieces[k]) != len(to) {
			r.pieces[k] = make([]engine.Tensor, len(to))
		}
		from := k * size
		count := min(size, len(rows)-from)
		for i, t := range to {
			v := &r.pieces[k][i]
			width := t.Shape[1:].Size()
			v.Name, v.Shape = t.Name, append(v.Shape[:0], t.Shape...)
			v.Shape[0] = count
			v.F32, v.F64 = view(t.F32, from, count, width), view(t.F64, from, count, width)
		}
	}
}

func view[T engine.Float](x []T, from, rows, width int) []T {
	if x == nil {
		return nil
	}
	return x[from*width : (from+rows)*width]
}

// Do reads piece i.
func (r *reading) Do(i, _ int) {
	from := i * r.size
	r.errs[i] = r.d.Read(r.rows[from:min(from+r.size, len(r.rows))], r.pieces[i])
}
