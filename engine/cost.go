package engine

import "fmt"

// What a plan takes, known before it takes it.

// maxBytes is the most that a plan may ask for. It lies far beyond any machine, so that what exceeds it is a mistake (a wrong batch, a wrong
// shape), and low enough that no sum of sizes overflows on the way to finding out. Whoever knows the machine asks [Estimate].
const (
	maxBytes    = 1 << 42
	maxElements = maxBytes / 4
)

// Cost is what a plan needs.
type Cost struct {
	// Bytes. Weights are parameters and running states; Gradients are those by parameters; Activations are all values, their gradients and
	// the operations' scratch in one arena; Scratch is the workers'; Packed is one set of packed copies: a plan that runs both with batch
	// statistics and without has two. Forks have Activations and Scratch of their own.
	Weights, Gradients, Activations, Scratch, Packed int64
	MultiplyAdds                                     float64           // of one row's forward pass, as far as operations tell (Counter)
	Choices                                          map[string]string // of code, by layer
}

// Total is the sum of all bytes.
func (c Cost) Total() int64 {
	return c.Weights + c.Gradients + c.Activations + c.Scratch + c.Packed
}

// Counter is optionally implemented by an Op to say how many multiply-adds a row costs forward.
type Counter interface{ MultiplyAdds(in []Type) float64 }

func (l *layout) width() int64 {
	if l.precision == Float64 {
		return 8
	}
	return 4
}

func (l *layout) cost(threads int) Cost {
	c := Cost{Choices: map[string]string{}}
	for _, list := range [][]Param{l.params, l.states} {
		for _, p := range list {
			c.Weights += l.width() * int64(aligned(p.Size()))
		}
	}
	if l.training {
		for _, p := range l.params {
			c.Gradients += l.width() * int64(aligned(p.Size()))
		}
	}
	c.Activations = l.width() * int64(l.arena)
	c.Scratch = l.width() * int64(l.local) * int64(threads)
	c.Packed = l.width() * int64(l.packed)
	for _, op := range l.ops {
		if counter, ok := op.op.(Counter); ok {
			c.MultiplyAdds += counter.MultiplyAdds(op.types)
		}
		c.Choices[op.name] = l.kernels
	}
	return c
}

// affordable refuses a plan that no machine could hold. Each buffer is within maxElements by now and there are far fewer than 2^20 of them,
// so the sums do not overflow.
func (l *layout) affordable(threads int) error {
	if total := l.cost(threads).Total(); total > maxBytes {
		return fmt.Errorf("the plan for %d rows would take %d GiB; at most %d are possible: compile it for fewer rows", l.rows, total>>30, maxBytes>>30)
	}
	return nil
}
