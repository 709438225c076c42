// Package metric turns predictions into a number that says how good they are, with an interval that says how sure that number is.
//
// A [Metric] is fed batch by batch and asked at the end. All of them read the same three things of a [Batch]: the network's result, which
// is the value named "output" (logits with the classes as last axis, or the predicted values), what was to be predicted, the value named
// "target" (a class index, or real values), and loss and weight of each row.
//
// What holds for all of them:
//   - Rows may come cut into batches in any way: counts are exact, sums equal to rounding.
//   - Rows of weight 0 are left out. Any other weight counts in [Loss] only: every other metric is a fact about rows, one as good as another.
//   - Intervals are at [Level] and treat rows as independent. Low and high are NaN where no interval is known.
//   - Nothing panics on numbers. A NaN among the logits of a row makes its prediction wrong. A NaN among values makes the metric NaN. A batch
//     whose output and target are missing or do not fit each other makes the metric NaN until Reset.
//   - Without rows a value is NaN.
//   - Add allocates nothing after the first batch. A Metric is for one goroutine at a time.
package metric

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/descent-go/descent/engine"
)

// Names of the two values that every metric reads.
const (
	Output = "output"
	Target = "target"
)

// Level is the confidence level of all intervals.
const Level = 0.95

// Batch is what metrics are computed from. Slices and tensors are read during Add only.
type Batch struct {
	Rows   int
	Loss   []float64 // one a row
	Weight []float64 // one a row; nil: every row has weight 1
	// Values gives inputs and outputs by name, rows first; an unknown name gives an empty tensor.
	Values func(name string) engine.Tensor
}

// Metric is a number about predictions.
type Metric interface {
	Info() Info
	// Add takes in the rows of one batch.
	Add(Batch)
	// Value is the number over all rows since Reset, and the bounds of its interval.
	Value() (v, low, high float64)
	// Reset forgets all rows.
	Reset()
}

// Info says what a metric is called and how its numbers are to be read.
type Info struct {
	Name   string // as in "val/NAME" of a run's events
	Task   string // "classification", "regression", or "" where it fits both
	Higher bool   // a greater number is a better one
	Share  bool   // a number from 0 to 1 that may be written in percent
	Doc    string // one line
}

// Unscale gives the original units back to element i of a row of the target: what scaling turned into v. Metrics apply it to predictions
// and targets alike. Nil leaves values as they are.
type Unscale func(i int, v float64) float64

// Entry is a metric on the list.
type Entry struct {
	Info
	New func(Unscale) Metric // metrics of classification ignore the argument
}

// builtin is the table of contents: every metric of ours. A new one is a file and a line here.
var builtin = []Entry{
	entry(func(Unscale) Metric { return &Loss{} }),
	entry(func(Unscale) Metric { return &Accuracy{} }),
	entry(func(Unscale) Metric { return &TopK{K: 5} }),
	entry(func(Unscale) Metric { return &BalancedAccuracy{} }),
	entry(func(Unscale) Metric { return &F1{} }),
	entry(func(u Unscale) Metric { return &R2{Unscale: u} }),
	entry(func(u Unscale) Metric { return &MAE{Unscale: u} }),
	entry(func(u Unscale) Metric { return &RMSE{Unscale: u} }),
}

// added are the metrics of users, in the order in which they were registered at the program's start.
var added struct {
	sync.Mutex
	list []Entry
}

// List is every metric, ours and then the registered ones.
func List() []Entry {
	added.Lock()
	defer added.Unlock()
	return append(slices.Clone(builtin), added.list...)
}

// Register puts a user's metric on the list: evaluations of its task then tell it, and --until takes its name. New makes one; it gets the
// way back to the target's own unit. A name that is taken or not made of lower-case letters, digits and _ is an error.
func Register(n func(Unscale) Metric) error {
	e := entry(n)
	if e.Name == "" || strings.Trim(e.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("registering metric %q: a name of lower-case letters, digits and _ is wanted", e.Name)
	}
	for _, old := range List() {
		if old.Name == e.Name {
			return fmt.Errorf("registering metric %q: the name is taken", e.Name)
		}
	}
	added.Lock()
	defer added.Unlock()
	added.list = append(added.list, e)
	return nil
}

func entry(n func(Unscale) Metric) Entry { return Entry{n(nil).Info(), n} }

// New makes the metric of that name.
func New(name string, u Unscale) (Metric, error) {
	var names []string
	for _, e := range List() {
		if e.Name == name {
			return e.New(u), nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("metric %q is unknown; metrics are %s", name, strings.Join(names, ", "))
}

// leaves reports whether row i is left out.
func (b Batch) leaves(i int) bool { return i < len(b.Weight) && b.Weight[i] == 0 }

// pair reads output and target with the number of elements that one row has in each; ok is false if one is missing or too short.
func (b Batch) pair() (output, target engine.Tensor, width, wants int, ok bool) {
	if b.Values == nil {
		return
	}
	output, target = b.Values(Output), b.Values(Target)
	width, wants = rowSize(output, b.Rows), rowSize(target, b.Rows)
	return output, target, width, wants, width > 0 && wants > 0
}

// rowSize is the number of elements of one row of t, 0 if t does not hold rows rows. A tensor may hold more rows than the batch.
func rowSize(t engine.Tensor, rows int) int {
	held := rows
	if len(t.Shape) > 0 && t.Shape.Size() == t.Len() {
		held = t.Shape[0]
	}
	if held < rows || held < 1 || t.Len()%held != 0 {
		return 0
	}
	return t.Len() / held
}
