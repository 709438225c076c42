// Package data brings rows from files and names to a network: formats, splits into training, validation and test parts, and the loader
// that cuts batches. It knows nothing of training.
//
// A data set is opened ([Open], [Slices], [Regression]) as a [Table] of raw numbers. [Split] says which rows are for what, [Fit] learns the
// scaling from the training rows, [Prepared] is the table with that scaling applied, and a [Loader] reads batches of it. A data set of
// a user's own needs the three methods of [Dataset] only, and is then read as it is.
package data

import (
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// Dataset is rows that can be read in any order. Reads may come from several goroutines at once.
type Dataset interface {
	// Fields are the columns, or groups of columns, that a row has. They join the inputs of a graph by name.
	Fields() []engine.Field
	// Len is the number of rows.
	Len() int
	// Read puts row rows[k] at place k of each tensor. A tensor is one of the fields, by name, in F32 or F64, with room for at least
	// len(rows) rows; not all fields need be asked for. It allocates nothing.
	Read(rows []int, to []engine.Tensor) error
}

// Table is a data set of raw numbers, before scaling.
type Table interface {
	Dataset
	// Columns are the features, then, as the last, the target.
	Columns() []prep.Column
	// Row puts row i into to, which has room for the numbers of all columns: features, then the target, a class as its place in the
	// target's Categories.
	Row(i int, to []float64) error
}

// About is what a data set can say of itself. All of it is optional.
type About struct {
	Largest float64 // the largest value that a feature can have, where the format says it: 255 for pixels
	Test    []int   // rows that the set's authors held out for the test, in order
	License string  // of the data: who made it, and the terms
}

// Describer is a data set that says something of itself.
type Describer interface{ About() About }

// Fingerprinter is a data set that knows its content's checksum, so that a resumed run notices changed data.
type Fingerprinter interface {
	// Fingerprint is the SHA-256, in hexadecimal, of all rows, names and classes. It does not depend on where they lie or how they are packed.
	Fingerprint() string
}

// Fit learns the scaling of a table's training rows. Where o says nothing of a range, the table's own is taken.
func Fit(t Table, train []int, o prep.Options) (*prep.Pipeline, error) {
	if err := check(t, train); err != nil {
		return nil, err
	}
	if d, ok := t.(Describer); ok && o.Range == 0 {
		o.Range = d.About().Largest
	}
	constant := o.Scaling == prep.None || o.Scaling == prep.Range || o.Scaling == "" && o.Range > 0
	if m, ok := t.(*memory); ok && constant && m.u8 != nil && len(train) > 0 {
		train = train[:1] // no byte and no class is unusable, and a constant is not learned from them
	}
	var failed error
	columns := t.Columns()
	p, err := prep.Fit(columns, o, numbers(t, columns, train, &failed))
	if failed != nil {
		return nil, failed
	}
	return p, err
}

// numbers yields rows of t, in one slice that is used again, and ends at the first error.
func numbers(t Table, columns []prep.Column, rows []int, failed *error) iter.Seq[[]float64] {
	width := 0
	for _, c := range columns {
		width += max(c.Size(), 0)
	}
	return func(yield func([]float64) bool) {
		to := make([]float64, width)
		for _, i := range rows {
			if *failed = t.Row(i, to); *failed != nil {
				return
			}
			if !yield(to) {
				return
			}
		}
	}
}

// checker is a data set that was made from unusable values: constructors without an error keep it, and the first use tells it.
type checker interface{ check() error }

// check refuses data that cannot be read and rows that do not exist.
func check(d Dataset, rows []int) error {
	if d == nil {
		return fmt.Errorf("there is no data set")
	}
	if c, ok := d.(checker); ok {
		if err := c.check(); err != nil {
			return err
		}
	}
	n := d.Len()
	if k := slices.IndexFunc(rows, func(row int) bool { return row < 0 || row >= n }); k >= 0 {
		return fmt.Errorf("row %d does not exist; the data set has rows 0 to %d", rows[k], n-1)
	}
	return nil
}

// quote writes text that comes from data for a message: short, and with control characters escaped, so that it cannot drive a terminal.
func quote(s string) string {
	const most = 40
	if len(s) > 4*most {
		s = s[:4*most]
	}
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "..."
	}
	return strconv.Quote(s)
}
