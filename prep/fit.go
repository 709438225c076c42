package prep

// This file fits a pipeline: it reads the training rows once, in their order, and remembers of each feature what its scaling needs. Means
// and variances follow Welford (Technometrics 4, 1962, pp. 419-420), which loses no digits to a large mean; the variance divides by n, as
// scikit-learn's StandardScaler does.

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// The scalings of features.
const (
	None        = "none"        // values stay as they are
	Standardize = "standardize" // a feature's mean becomes 0 and its standard deviation 1; a constant feature becomes 0
	Range       = "range"       // all values are divided by one known constant, such as 255 for the bytes of an image
	MinMax      = "minmax"      // a feature's smallest value becomes 0 and its largest 1; a constant feature becomes 0
)

var scalings = []string{None, Standardize, Range, MinMax}

// Options say how to scale. The zero value is right for most data.
type Options struct {
	// Scaling of the features: "none", "standardize", "range" or "minmax". "" is "range" where Range is known and "standardize" elsewhere.
	Scaling string
	// Range is the largest value that a feature can have, where the data's format says it: 255 for pixels. Scaling "range" divides by it.
	Range float64
	// RawTarget leaves a regression's targets as they are. Otherwise the network is trained on standardized targets, so that learning rates
	// and initial weights suit any unit, and its answers are scaled back by [Pipeline.Unscale].
	RawTarget bool
}

// Fit learns the scaling of rows, which must be the training part only: what is learned from held-out rows makes their score look better
// than it is. The last column is the target, of kind [Class] or [Target]; the others are numbers. A row has the numbers of all columns in
// order, a class as its place in Categories. Rows may be reused by the caller after each yield. Errors name the row, counted from 1,
// and the column.
func Fit(columns []Column, o Options, rows iter.Seq[[]float64]) (*Pipeline, error) {
	if len(columns) < 2 {
		return nil, fmt.Errorf("%d columns; at least one feature and, as the last, the target are wanted", len(columns))
	}
	p := Pipeline{
		inputs:  slices.Clone(columns[:len(columns)-1]),
		target:  columns[len(columns)-1],
		scaling: o.Scaling,
		sd:      1,
	}
	width, err := checkColumns(p.inputs, p.target)
	if err != nil {
		return nil, err
	}
	if math.IsNaN(o.Range) || math.IsInf(o.Range, 0) || o.Range < 0 {
		return nil, fmt.Errorf("range is %v; a positive number, or 0 where it is not known, is wanted", o.Range)
	}
	if p.scaling == "" {
		p.scaling = Standardize
		if o.Range > 0 {
			p.scaling = Range
		}
	}
	switch p.scaling {
	case None:
		p.subtract, p.divide = []float64{0}, []float64{1}
	case Range:
		if o.Range == 0 {
			return nil, fmt.Errorf("scaling %q divides by a known largest value, and this data set names none; use %q or %q", Range, Standardize, MinMax)
		}
		p.subtract, p.divide = []float64{0}, []float64{o.Range}
	case Standardize, MinMax:
	default:
		return nil, fmt.Errorf("unknown scaling %s; there are %s", quote(p.scaling), strings.Join(scalings, ", "))
	}

	features := make([]moments, width)
	var target moments
	n := 0
	for row := range rows {
		n++
		if err := checkRow(row, columns, width, n); err != nil {
			return nil, err
		}
		target.add(row[width], n)
		if p.subtract != nil {
			continue
		}
		for i := range features {
			features[i].add(row[i], n)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("there is no training row to learn the scaling from")
	}

	if p.subtract == nil {
		p.subtract, p.divide = make([]float64, width), make([]float64, width)
		for i, m := range features {
			p.subtract[i], p.divide[i] = m.mean, m.sd(n)
			if p.scaling == MinMax {
				p.subtract[i], p.divide[i] = m.low, 1
				if m.low < m.high {
					p.divide[i] = m.high - m.low
				}
			}
			if !usable(p.subtract[i], p.divide[i]) {
				return nil, fmt.Errorf("%s: values from %v to %v cannot be scaled by %q without losing them; bring the column to another unit",
					place(p.inputs, i), m.low, m.high, p.scaling)
			}
		}
	}
	if p.target.Kind == Target && !o.RawTarget {
		p.mean, p.sd = target.mean, target.sd(n)
		if !usable(p.mean, p.sd) {
			return nil, fmt.Errorf("target %s: values from %v to %v cannot be standardized; bring them to another unit",
				quote(p.target.Name), target.low, target.high)
		}
	}
	return build(p)
}

// checkRow refuses what no sum survives.
func checkRow(row []float64, columns []Column, width, n int) error {
	if len(row) != width+1 {
		return fmt.Errorf("row %d has %d values; the columns have %d, the target included", n, len(row), width+1)
	}
	for i, v := range row {
		// One subtraction finds both NaN and the infinities.
		if v-v != 0 {
			if i == width {
				return fmt.Errorf("row %d, target %s: %v is no finite number", n, quote(columns[len(columns)-1].Name), v)
			}
			return fmt.Errorf("row %d, %s: %v is no finite number", n, place(columns, i), v)
		}
	}
	target := columns[len(columns)-1]
	if v := row[width]; target.Kind == Class && (v != math.Trunc(v) || v < 0 || v >= float64(len(target.Categories))) {
		return fmt.Errorf("row %d, target %s: class number %v; a whole number from 0 to %d is wanted", n, quote(target.Name), v, len(target.Categories)-1)
	}
	return nil
}

// moments are Welford's running mean and sum of squared deviations of one feature, and its range.
type moments struct{ mean, squares, low, high float64 }

// add takes the n-th value, n from 1.
func (m *moments) add(v float64, n int) {
	if n == 1 {
		*m = moments{mean: v, low: v, high: v}
		return
	}
	d := v - m.mean
	m.mean += d / float64(n)
	m.squares += float64(d * (v - m.mean))
	m.low, m.high = min(m.low, v), max(m.high, v)
}

// sd is the standard deviation of n values, 1 when all are equal: they are told by their range, since rounding may leave a constant such
// as 0.1 a tiny variance.
func (m *moments) sd(n int) float64 {
	if m.low == m.high {
		return 1
	}
	return math.Sqrt(m.squares / float64(n))
}

// usable refuses a scale that overflowed, or that vanished because squares are too small for a float64.
func usable(subtract, divide float64) bool { return finite(subtract) && finite(divide) && divide > 0 }

// place names the column of value i of a row, and the place within it where it has a shape.
func place(columns []Column, i int) string {
	for k, c := range columns {
		size := c.Size()
		if i < size {
			if size == 1 {
				return fmt.Sprintf("column %d (%s)", k+1, quote(c.Name))
			}
			return fmt.Sprintf("column %d (%s), value %d", k+1, quote(c.Name), i+1)
		}
		i -= size
	}
	return fmt.Sprintf("value %d", i+1)
}
