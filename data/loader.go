package data

// This file cuts batches. A batch is a function of the step's number, so that a resumed run needs nothing but that number to go on with
// the same rows, and parts of a step can be read in any order. What is kept between calls (the current epoch's order) only saves time.

import (
	"errors"
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/rng"
	"github.com/descent-go/descent/prep"
)

// LoaderOptions say how rows become batches. The zero value is full-batch training.
type LoaderOptions struct {
	// Batch is the number of rows a step; 0, or more than there are, means all rows, which then come in the order given, so that every
	// step sees the same sums.
	Batch int
	// Micro is the largest number of rows that are read at once. A step whose batch is larger comes in several parts, to be accumulated. 0
	// means the whole batch.
	Micro int
	// Seed keys the order of rows.
	Seed uint64
	// Replace draws every row of every batch independently, so that a row may come twice in an epoch or not at all. Otherwise each epoch
	// takes every row once.
	Replace bool
	// DropLast leaves out an epoch's last batch when it is not full; other rows are left out in each epoch.
	DropLast bool
	// NoShuffle takes rows in the order given, as evaluation does.
	NoShuffle bool
}

// Loader reads batches of some rows of a data set. It is for one goroutine; several loaders may share a data set.
type Loader struct {
	d     Dataset
	rows  []int
	o     LoaderOptions
	batch int
	steps int

	random rng.Source
	order  []int  // of the current epoch, or the rows drawn for the current step
	at     uint64 // the epoch or step that order is of
	filled bool   // false: order is of none yet

	reading reading
	copying copying
}

// NewLoader returns a loader over rows of d, which may name a row twice.
func NewLoader(d Dataset, rows []int, o LoaderOptions) (*Loader, error) {
	if err := check(d, rows); err != nil {
		return nil, err
	}
	var errs []error
	if len(rows) == 0 {
		errs = append(errs, errors.New("loader: there are no rows to make batches of"))
	}
	if o.Batch < 0 {
		errs = append(errs, fmt.Errorf("loader: batch is %d; a positive number of rows, or 0 for all of them, is wanted", o.Batch))
	}
	if o.Micro < 0 {
		errs = append(errs, fmt.Errorf("loader: micro is %d; a positive number of rows, or 0 for the whole batch, is wanted", o.Micro))
	}
	if o.Replace && o.DropLast {
		errs = append(errs, errors.New("loader: with replacement every batch is full, so there is no last one to drop; set one of the two"))
	}
	if o.Replace && o.NoShuffle {
		errs = append(errs, errors.New("loader: drawing with replacement has no order to keep; set one of replace and no shuffle"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	l := &Loader{d: d, rows: slices.Clone(rows), o: o, batch: len(rows), random: rng.New(o.Seed, "batches")}
	if o.Batch > 0 {
		l.batch = min(o.Batch, len(rows))
	}
	l.steps = len(rows) / l.batch
	if len(rows)%l.batch > 0 && !o.DropLast {
		l.steps++
	}
	if l.o.Replace {
		l.order = make([]int, l.batch)
	} else {
		l.order = slices.Clone(rows)
	}
	return l, nil
}

// Steps is the number of steps of an epoch. With replacement it is the number of batches that have as many rows as there are, or more.
func (l *Loader) Steps() int { return l.steps }

// Size is the number of rows in a step's whole batch: less than usual only in an epoch's last step.
func (l *Loader) Size(step uint64) int {
	if l.o.Replace {
		return l.batch
	}
	return min(l.batch, len(l.rows)-int(step%uint64(l.steps))*l.batch)
}

// Parts is the number of parts in which a step's batch is read.
func (l *Loader) Parts(step uint64) int {
	if l.o.Micro == 0 {
		return 1
	}
	return (l.Size(step) + l.o.Micro - 1) / l.o.Micro
}

// MaxRows is the largest number of rows that Batch returns at once: what plans and tensors must have room for.
func (l *Loader) MaxRows() int {
	if l.o.Micro == 0 {
		return l.batch
	}
	return min(l.batch, l.o.Micro)
}

// Indices are the data set's rows of a step's whole batch, in order. The slice is valid until the next call and must not be changed.
func (l *Loader) Indices(step uint64) []int {
	if l.o.Replace {
		if !l.filled || l.at != step {
			random := l.random.At(step)
			for k := range l.order {
				l.order[k] = l.rows[random.Below(uint64(k), len(l.rows))]
			}
			l.at, l.filled = step, true
		}
		return l.order
	}
	epoch, from := step/uint64(l.steps), int(step%uint64(l.steps))*l.batch
	if !l.filled || l.at != epoch {
		copy(l.order, l.rows)
		if !l.o.NoShuffle && l.batch < len(l.rows) {
			l.random.At(epoch).Shuffle(l.order)
		}
		l.at, l.filled = epoch, true
	}
	return l.order[from : from+l.Size(step)]
}

// Batch reads one part of a step's batch into tensors that are named as fields of the data set, with room for MaxRows rows. It returns how
// many rows it read and the place of the first in the step's batch. Steps and parts may be asked for in any order; the first part is 0.
func (l *Loader) Batch(step uint64, part int, to []engine.Tensor) (rows, row int, err error) {
	if err := l.checkPart(step, part); err != nil {
		return 0, 0, err
	}
	batch, row := l.part(step, part)
	if err := l.read(batch, to); err != nil {
		return 0, 0, err
	}
	return len(batch), row, nil
}

func (l *Loader) checkPart(step uint64, part int) error {
	if part < 0 || part >= l.Parts(step) {
		return fmt.Errorf("loader: step %d has parts 0 to %d; part %d is asked for", step, l.Parts(step)-1, part)
	}
	return nil
}

// Bounded reports whether it is known, without a look at the rows, that all magnitudes of a field are below 2^50: bytes are scaled to
// something between what 0 and 255 are scaled to.
func (l *Loader) Bounded(field string) bool {
	m, p := l.memory()
	return field == prep.X && m != nil && m.bounded(p)
}

// part are the data set's rows of one part of a step's batch, and the place of the first.
func (l *Loader) part(step uint64, part int) (rows []int, row int) {
	batch := l.Indices(step)
	row = part * l.o.Micro
	return batch[row:min(row+l.MaxRows(), len(batch))], row
}
