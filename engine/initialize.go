package engine

// The last part of compiling: new weights get their initial values, large ones in parts, side by side.

import (
	"fmt"
	"math"
	"sync/atomic"
)

// partNumbers is how many numbers of a parameter are drawn at once. A part fits the second cache, and takes longer than handing it over.
const partNumbers = 1 << 13

// initialize fills new weights from the seed: a parameter's values depend on the seed and its path alone, whatever the pool.
func (l *layout) initialize(w *Weights, seed uint64, pool *Pool) error {
	f := filling{to: w, buffers: make([][]float64, pool.Threads())}
	for k, list := range [][]Param{l.params, l.states} {
		inits := [][]Init{l.paramInit, l.stateInit}[k]
		for i, p := range list {
			f.param, f.state, f.random = p, k == 1, NewRand(seed, "init/"+p.Path)
			if err := f.fill(inits[i], pool); err != nil {
				return err
			}
		}
	}
	w.Changed()
	return nil
}

// filling gives one parameter its values. It is the task of filling it in parts.
type filling struct {
	to      *Weights
	param   Param
	state   bool
	random  Rand
	init    PartInit
	buffers [][]float64  // a worker
	odd     atomic.Int64 // the first element that is not finite
}

func (f *filling) fill(init Init, pool *Pool) error {
	size := f.param.Size()
	f.odd.Store(math.MaxInt64)
	in, parts := init.(PartInit)
	var values []float64
	if parts && size > partNumbers {
		f.init = in
		pool.Run((size+partNumbers-1)/partNumbers, f)
	} else {
		values = make([]float64, size)
		init.Fill(values, f.param.Shape, f.random)
		f.write(values, 0)
	}
	at := f.odd.Load()
	if at == math.MaxInt64 {
		return nil
	}
	var odd [1]float64
	if values != nil {
		odd[0] = values[at]
	} else {
		in.FillPart(odd[:], int(at), f.param.Shape, f.random)
	}
	return fmt.Errorf("parameter %q: its initializer gave %v at element %d; finite numbers are wanted", f.param.Path, odd[0], at)
}

// Do fills part i.
func (f *filling) Do(i, worker int) {
	if f.buffers[worker] == nil {
		f.buffers[worker] = make([]float64, partNumbers)
	}
	from := i * partNumbers
	values := f.buffers[worker][:min(partNumbers, f.param.Size()-from)]
	f.init.FillPart(values, from, f.param.Shape, f.random)
	f.write(values, from)
}

// write puts values where they belong, in the precision of the weights.
func (f *filling) write(values []float64, from int) {
	for i, v := range values {
		if v-v == 0 {
			continue
		}
		at := int64(from + i)
		for first := f.odd.Load(); at < first && !f.odd.CompareAndSwap(first, at); first = f.odd.Load() {
		}
		return
	}
	f.to.writePart(f.param, from, Tensor{F64: values}, f.state)
}
