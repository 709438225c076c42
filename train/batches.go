package train

import "github.com/descent-go/descent/engine"

// The memory that a training's batches are read into.

// tensors is memory for batches of some fields.
func tensors(fields []engine.Field, rows int, p engine.Precision) []engine.Tensor {
	return apart(fields, rows, p, 1)
}

// apart is the same with room behind each tensor, so that with it it is so many times as long.
func apart(fields []engine.Field, rows int, p engine.Precision, times int) []engine.Tensor {
	list := make([]engine.Tensor, len(fields))
	for i, f := range fields {
		list[i] = engine.Tensor{Name: f.Name, Shape: append(engine.Shape{rows}, f.Type.Shape...)}
		if n := rows * f.Type.Shape.Size(); p == engine.Float64 {
			list[i].F64 = make([]float64, n*times)[:n]
		} else {
			list[i].F32 = make([]float32, n*times)[:n]
		}
	}
	return list
}

// copyNumbers is how many numbers a batch has at most of which each thread gets a copy. A thread makes one of so many in some 20 microseconds,
// all of them at the same time.
const copyNumbers = 1 << 16

// takeBatch makes room for batches, with copies where they are small and there are several threads.
func (s *Session) takeBatch() {
	fields, rows := s.plan.Inputs(), s.loader.MaxRows()
	threads := 1
	if s.loader.InMemory() && batchNumbers(fields, rows) <= copyNumbers {
		threads = s.pool.Threads()
	}
	// Processors that see rows read at equal distances ask for those that would follow. Were they another thread's copy, its core would have to
	// ask for each line of it again before it is written.
	times := 1
	if threads > 1 {
		times = 2
	}
	copies := make([][]engine.Tensor, threads)
	for i := range copies {
		copies[i] = apart(fields, rows, engine.Precision(s.config.Precision), times)
	}
	s.batch.In, s.batch.Copies, s.copies = copies[0], copies[1:], copies
	s.batch.Bounded = make([]bool, len(fields))
	for i, f := range fields {
		s.batch.Bounded[i] = s.loader.Bounded(f.Name)
	}
}

func batchNumbers(fields []engine.Field, rows int) int {
	n := 0
	for _, f := range fields {
		n += rows * f.Type.Shape.Size()
	}
	return n
}

// read reads one part of a step's batch.
func (s *Session) read(step uint64, part int) (err error) {
	b := &s.batch
	if len(b.Copies) > 0 {
		b.Rows, b.Row, err = s.loader.Copies(step, part, s.copies)
	} else {
		b.Rows, b.Row, err = s.loader.Batch(step, part, b.In)
	}
	return err
}
