package metric

import (
	"math"
	"slices"
)

// Confusion counts which class was taken for which. It is what accuracy, balanced accuracy and the numbers of each class come from, and a
// Metric itself, whose value is the accuracy. The zero value is ready; the first batch tells the number of classes.
//
// Rows with a NaN among their logits have no prediction: they count as rows of their class, and in no column.
type Confusion struct {
	rows      []int // by true class
	hits      []int
	predicted []int // by predicted class
	cells     []int // true class times classes plus predicted class; nil above MaxClasses
	outside   int   // rows whose target is no class: wrong, and nothing more is known of them
	bad       bool
}

// MaxClasses is the number of classes up to which the whole matrix is kept (8 MiB). Above it a Confusion has the numbers of each class, but
// no Matrix.
const MaxClasses = 1024

// Class is how well one class is predicted.
type Class struct {
	Rows      int   // that are of this class
	Precision Share // of the rows predicted as this class, how many are; NaN if none was
	Recall    Share // of the rows of this class, how many were predicted as it; NaN if there are none
	F1        float64
	// F1 is 2·hits / (rows of the class + rows predicted as it), the harmonic mean of the two; NaN with neither.
}

// Info implements Metric.
func (*Confusion) Info() Info {
	return Info{Name: "confusion", Task: "classification", Higher: true, Share: true, Doc: "which class was taken for which"}
}

// Add implements Metric.
func (c *Confusion) Add(b Batch) {
	l, ok := readLabels(b)
	if ok && l.len() > 0 && c.rows == nil {
		c.make(l.classes)
	}
	if !ok || l.len() > 0 && l.classes != len(c.rows) {
		c.bad = true
		return
	}
	for i := range l.len() {
		if !l.leaves(i) {
			c.count(l.actual(i), l.predicted(i))
		}
	}
}

func (c *Confusion) make(classes int) {
	c.rows, c.hits, c.predicted = make([]int, classes), make([]int, classes), make([]int, classes)
	if classes <= MaxClasses {
		c.cells = make([]int, classes*classes)
	}
}

// count takes in one position; -1 stands for no class.
func (c *Confusion) count(actual, predicted int) {
	if predicted >= 0 {
		c.predicted[predicted]++
	}
	if actual < 0 {
		c.outside++
		return
	}
	c.rows[actual]++
	if actual == predicted {
		c.hits[actual]++
	}
	if predicted >= 0 && c.cells != nil {
		c.cells[actual*len(c.rows)+predicted]++
	}
}

// Reset implements Metric.
func (c *Confusion) Reset() {
	clear(c.rows)
	clear(c.hits)
	clear(c.predicted)
	clear(c.cells)
	c.outside, c.bad = 0, false
}

// Value is the accuracy with its interval, and implements Metric.
func (c *Confusion) Value() (v, low, high float64) {
	s := c.Accuracy()
	return s.Value, s.Low, s.High
}

// Classes is the number of classes, 0 before the first batch.
func (c *Confusion) Classes() int { return len(c.rows) }

// Rows is the number of rows counted.
func (c *Confusion) Rows() int { return sum(c.rows) + c.outside }

// Matrix is a copy of the counts: a row for each true class, a column for each predicted one; nil above MaxClasses.
func (c *Confusion) Matrix() [][]int {
	if c.cells == nil {
		return nil
	}
	n := len(c.rows)
	m := make([][]int, n)
	for i := range m {
		m[i] = slices.Clone(c.cells[i*n : (i+1)*n])
	}
	return m
}

// Class is how well class i is predicted. All is NaN if there is no such class.
func (c *Confusion) Class(i int) Class {
	if i < 0 || i >= len(c.rows) || c.bad {
		none := Share{math.NaN(), math.NaN(), math.NaN()}
		return Class{Precision: none, Recall: none, F1: math.NaN()}
	}
	return Class{
		Rows:      c.rows[i],
		Precision: share(c.hits[i], c.predicted[i]),
		Recall:    share(c.hits[i], c.rows[i]),
		F1:        2 * float64(c.hits[i]) / float64(c.rows[i]+c.predicted[i]),
	}
}

// Accuracy is the share of rows that are predicted right, with its Wilson interval.
func (c *Confusion) Accuracy() Share {
	if c.bad {
		return Share{math.NaN(), math.NaN(), math.NaN()}
	}
	return share(sum(c.hits), c.Rows())
}

// Majority is the share of rows that are of the largest class: the accuracy of always guessing it.
func (c *Confusion) Majority() float64 {
	if c.bad || len(c.rows) == 0 {
		return math.NaN()
	}
	return float64(slices.Max(c.rows)) / float64(c.Rows())
}

// BalancedAccuracy is the mean of the classes' recalls; classes without rows are left out. Always guessing one class gives 1 over the number
// of classes, however unequal they are.
//
// The interval puts the Wilson intervals of the recalls together by the method of variance estimates recovery (G. Y. Zou, A. Donner,
// Statistics in Medicine 27, 2008): the distance to a bound is the root of the sum of the squared distances over the number of classes.
func (c *Confusion) BalancedAccuracy() Share {
	var mean, below, above, n float64
	for i, rows := range c.rows {
		if rows == 0 {
			continue
		}
		r := share(c.hits[i], rows)
		n++
		mean += r.Value
		below += float64((r.Value - r.Low) * (r.Value - r.Low))
		above += float64((r.High - r.Value) * (r.High - r.Value))
	}
	if n == 0 || c.bad {
		return Share{math.NaN(), math.NaN(), math.NaN()}
	}
	mean /= n
	return Share{mean, max(0, mean-math.Sqrt(below)/n), min(1, mean+math.Sqrt(above)/n)}
}

// F1 is the mean F1 of the classes that have rows or were predicted. No interval is known.
func (c *Confusion) F1() float64 {
	mean, n := 0.0, 0
	for i := range c.rows {
		if c.rows[i]+c.predicted[i] > 0 {
			mean += c.Class(i).F1
			n++
		}
	}
	return mean / float64(n)
}

func sum(x []int) int {
	s := 0
	for _, v := range x {
		s += v
	}
	return s
}

var _ Metric = (*Confusion)(nil)
