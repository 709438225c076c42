package data

// This file joins a table and a fitted pipeline: what the network is trained on.

import (
	"fmt"
	"slices"
	"sync"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// prepared reads the rows of a table through a pipeline.
type prepared struct {
	Table
	memory  *memory // set when Table is one: then numbers are converted and scaled in one pass
	p       *prep.Pipeline
	scratch sync.Pool // rows of other tables
}

// Prepared is t with the scaling of p: a batch is converted, scaled and written in one pass. It describes itself as t does. The columns must
// be those that p was fitted on; names may differ.
func Prepared(t Table, p *prep.Pipeline) (Dataset, error) {
	if err := check(t, nil); err != nil {
		return nil, err
	}
	columns := t.Columns()
	want := append(p.Inputs(), p.Target())
	if len(columns) != len(want) {
		return nil, fmt.Errorf("the data set has %d columns; the scaling was fitted on %d, the target included", len(columns), len(want))
	}
	for i, c := range columns {
		w := want[i]
		if c.Kind != w.Kind || !c.Shape.Equal(w.Shape) || !slices.Equal(c.Categories, w.Categories) {
			return nil, fmt.Errorf("column %d (%s) is a %s of shape %v with %d classes; the scaling was fitted on %s, a %s of shape %v with %d classes",
				i+1, quote(c.Name), c.Kind, c.Shape, len(c.Categories), quote(w.Name), w.Kind, w.Shape, len(w.Categories))
		}
	}
	d := &prepared{Table: t, p: p}
	d.memory, _ = t.(*memory)
	d.scratch.New = func() any {
		row := make([]float64, p.Width()+1)
		return &row
	}
	return d, nil
}

func (d *prepared) Fields() []engine.Field { return d.p.Fields() }

func (d *prepared) Read(rows []int, to []engine.Tensor) error {
	if d.memory != nil {
		return d.memory.read(d.p, rows, to)
	}
	width := d.p.Width()
	for _, t := range to {
		if err := room(t, len(rows), width); err != nil {
			return err
		}
	}
	scratch := d.scratch.Get().(*[]float64)
	defer d.scratch.Put(scratch)
	row := *scratch
	for k, i := range rows {
		if err := d.Row(i, row); err != nil {
			return err
		}
		for _, t := range to {
			switch {
			case t.Name == prep.X && t.F32 != nil:
				prep.Features(d.p, t.F32[k*width:(k+1)*width], row[:width])
			case t.Name == prep.X:
				prep.Features(d.p, t.F64[k*width:(k+1)*width], row[:width])
			case t.F32 != nil:
				t.F32[k] = float32(d.p.TargetValue(row[width]))
			default:
				t.F64[k] = d.p.TargetValue(row[width])
			}
		}
	}
	return nil
}

// About is the table's.
func (d *prepared) About() About {
	if t, ok := d.Table.(Describer); ok {
		return t.About()
	}
	return About{}
}

// Fingerprint is the table's, "" when it has none.
func (d *prepared) Fingerprint() string {
	if t, ok := d.Table.(Fingerprinter); ok {
		return t.Fingerprint()
	}
	return ""
}
