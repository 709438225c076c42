package metric

import "github.com/descent-go/descent/engine"

// How metrics of classification read a batch. A row has as many positions as its target has elements, usually one; the logits of each
// position stand together, so that an output of [rows, words, classes] with a target of [rows, words] needs no code of its own.

type labels struct {
	output, target     engine.Tensor
	classes, positions int // of a row
	batch              Batch
}

// readLabels is false where output and target do not fit each other. An empty batch fits anything.
func readLabels(b Batch) (l labels, ok bool) {
	if b.Rows < 1 {
		return l, true
	}
	output, target, width, wants, ok := b.pair()
	if !ok || width%wants != 0 {
		return l, false
	}
	return labels{output, target, width / wants, wants, b}, true
}

// len is the number of positions of all rows.
func (l *labels) len() int { return max(l.batch.Rows, 0) * l.positions }

// leaves reports whether position i is of a row that is left out.
func (l *labels) leaves(i int) bool { return l.batch.leaves(i / l.positions) }

// actual is the class that position i has, -1 if that is no class.
func (l *labels) actual(i int) int {
	v := l.target.At(i)
	if !(v >= 0 && v < float64(l.classes)) {
		return -1
	}
	return int(v)
}

// predicted is the class with the greatest logit, the first of several; -1 if one of the logits is NaN.
func (l *labels) predicted(i int) int {
	from, to := i*l.classes, (i+1)*l.classes
	if l.output.F32 != nil {
		return argmax(l.output.F32[from:to])
	}
	if l.output.F64 != nil {
		return argmax(l.output.F64[from:to])
	}
	return -1
}

func argmax[T engine.Float](x []T) int {
	best := 0
	for i, v := range x {
		if v != v {
			return -1
		}
		if v > x[best] {
			best = i
		}
	}
	return best
}
