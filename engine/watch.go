package engine

import "math"

// Instruments read a watched pass: the size of every result right after it was computed, of every gradient right before it is used, of
// every parameter and its gradient at the end. They only read, so a watched step has the same bits as a plain one. Plans that only predict
// have readings of results alone.

// Names of readings (Reading.What). "Rms" is the root of the mean square over all elements and rows that are finite.
const (
	ReadRms             = "rms"              // of an operation's result
	ReadNonFinite       = "nonfinite"        // number of its elements that are NaN or infinite
	ReadGradRms         = "grad_rms"         // of the gradient by an operation's result, or by a parameter
	ReadGradNonFinite   = "grad_nonfinite"   // number of its elements that are NaN or infinite
	ReadWeightRms       = "weight_rms"       // of a parameter
	ReadWeightNonFinite = "weight_nonfinite" // number of its elements that are NaN or infinite
	ReadUnits           = "units_active"     // a unit's share of rows with a positive result
	ReadHistogram       = "histogram"        // counts of finite |x| by powers of two, see HistogramFrom
	ReadRowNorms        = "row_grad_squares" // squared norm of each row's own gradient, over all operations that can tell
)

// HistogramFrom is the exponent of the first bin: bin k counts |x| in [2^(HistogramFrom+k), 2^(HistogramFrom+k+1)); the first takes what
// is smaller, zero included, the last what is larger.
const (
	HistogramFrom = -40
	histogramBins = 64
)

type instruments[T Float] struct {
	prog     *program[T]
	options  Watch
	readings []Reading
	nodes    map[*node[T]]nodeReadings
	params   int // first reading of the parameters
	rowNorms int // -1: none
}

// nodeReadings are the places of an operation's readings; size and non-finite elements are neighbors.
type nodeReadings struct{ result, gradient, units, histogram int }

func newInstruments[T Float](p *program[T], o Watch) *instruments[T] {
	w := &instruments[T]{prog: p, options: o, nodes: map[*node[T]]nodeReadings{}, rowNorms: -1}
	add := func(path, what string, n int) int {
		w.readings = append(w.readings, Reading{path, what, make([]float64, n)})
		return len(w.readings) - 1
	}
	pair := func(path, rms, nonFinite string) int {
		at := add(path, rms, 1)
		add(path, nonFinite, 1)
		return at
	}
	for _, n := range p.nodes {
		var at nodeReadings
		at.result = pair(n.op.name, ReadRms, ReadNonFinite)
		if p.training {
			at.gradient = pair(n.op.name, ReadGradRms, ReadGradNonFinite)
		}
		if o.Units {
			at.units = add(n.op.name, ReadUnits, n.op.kind.Shape.Size())
		}
		if o.Histograms {
			at.histogram = add(n.op.name, ReadHistogram, histogramBins)
		}
		w.nodes[n] = at
	}
	w.params = len(w.readings)
	if !p.training {
		return w
	}
	for _, q := range p.layout.params {
		pair(q.Path, ReadWeightRms, ReadWeightNonFinite)
		pair(q.Path, ReadGradRms, ReadGradNonFinite)
	}
	if o.RowNorms {
		w.rowNorms = add("", ReadRowNorms, p.rows)
	}
	return w
}

func (w *instruments[T]) start(rows int) {
	for _, r := range w.readings {
		clear(r.Values)
	}
	if w.rowNorms >= 0 {
		v := &w.readings[w.rowNorms].Values
		*v = (*v)[:cap(*v)][:rows]
	}
}

// result reads an operation's result.
func (w *instruments[T]) result(n *node[T]) {
	at := w.nodes[n]
	w.size(at.result, n.step.Out)
	if w.options.Units {
		share := w.readings[at.units].Values
		for i, v := range n.step.Out {
			if v > 0 {
				share[i%len(share)]++
			}
		}
		for i := range share {
			share[i] /= float64(n.step.Rows)
		}
	}
	if w.options.Histograms {
		bins := w.readings[at.histogram].Values
		for _, v := range n.step.Out {
			if v-v != 0 {
				continue // counted as non-finite
			}
			_, exponent := math.Frexp(float64(v)) // |v| in [2^(exponent-1), 2^exponent)
			if v == 0 {
				exponent = HistogramFrom
			}
			bins[min(max(exponent-1-HistogramFrom, 0), histogramBins-1)]++
		}
	}
}

// gradient reads the gradient by an operation's result, before its backward pass may overwrite it.
func (w *instruments[T]) gradient(n *node[T]) {
	w.size(w.nodes[n].gradient, n.step.GradOut)
	if w.rowNorms >= 0 && !n.op.kind.Fixed { // what is Fixed has no rows
		if body, ok := any(n.body).(RowNorms[T]); ok {
			body.RowNorms(&n.step, w.readings[w.rowNorms].Values)
		}
	}
}

// parameters reads all parameters and their gradients.
func (w *instruments[T]) parameters() {
	for i, q := range w.prog.layout.params {
		at := w.params + 4*i
		w.size(at, w.prog.live.Weight[q.Offset:q.Offset+q.Size()])
		if !q.Frozen {
			w.size(at+2, w.prog.live.Grad[q.Offset:q.Offset+q.Size()])
		}
	}
}

// size writes rms and number of non-finite elements of x into readings at and at+1. The mean square is of the finite elements.
func (w *instruments[T]) size(at int, x []T) {
	squares, odd := 0.0, 0
	for _, v := range x {
		f := float64(v)
		if f-f != 0 {
			odd++
			continue
		}
		squares += float64(f * f)
	}
	if finite := len(x) - odd; finite > 0 {
		w.readings[at].Values[0] = math.Sqrt(squares / float64(finite))
	}
	w.readings[at+1].Values[0] = float64(odd)
}
