package main

// Rows for a trained model, from files: matched to the model's columns by name, the column of answers there or not. What is read for
// prediction and for evaluation is read the same way.

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// isTable says whether a model takes rows of a table of text, not images.
func isTable(m *descent.Model) bool {
	return !slices.ContainsFunc(m.Inputs(), func(c prep.Column) bool { return c.Shape != nil })
}

// openFor opens data to measure a model on.
func openFor(m *descent.Model, ref string) (data.Dataset, error) {
	if !isTable(m) || ref == "digits" {
		return data.Open(ref, data.Options{})
	}
	f, err := openRegular(ref)
	if err != nil {
		// The other forms of data, and the errors of what is none.
		return data.Open(ref, data.Options{})
	}
	defer f.Close()
	t, err := readTable(m, f)
	if err != nil {
		return nil, fmt.Errorf("data %q: %w", ref, err)
	}
	return t, nil
}

// openRegular opens a file, unpacked if it is packed by gzip. Asked before opening, since opening a pipe waits for a writer.
func openRegular(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%q is a folder; a file is wanted", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := bufio.NewReader(f)
	if magic, _ := head.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return opened{head, f}, nil
	}
	unpacked, err := gzip.NewReader(head)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%q begins as gzip does and cannot be unpacked: %w", path, err)
	}
	return opened{unpacked, f}, nil
}

type opened struct {
	io.Reader
	file *os.File
}

func (o opened) Close() error { return o.file.Close() }

// table is rows in memory with their answers, as the model's columns.
type table struct {
	columns  []prep.Column
	width    int
	features []float64
	targets  []float64
}

// maxTable bounds what is held, in numbers.
const maxTable = 1 << 28

func readTable(m *descent.Model, r io.Reader) (*table, error) {
	rows, err := newTextRows(m, r)
	if err != nil {
		return nil, err
	}
	target := m.Pipeline().Target()
	if rows.label < 0 {
		return nil, fmt.Errorf("there is no column %q, which the model answers; without it there is nothing to compare with", target.Name)
	}
	t := &table{columns: append(m.Inputs(), target), width: m.Width()}
	for {
		cells, err := rows.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		numbers, err := numbersOf(cells, rows)
		if err != nil {
			return nil, err
		}
		t.features = append(t.features, numbers...)
		y, err := m.Pipeline().ParseTarget(rows.answer)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", rows.line(), err)
		}
		if t.targets = append(t.targets, y); len(t.features) > maxTable {
			return nil, fmt.Errorf("there are more than %d numbers; measure in several files", maxTable)
		}
	}
	if len(t.targets) == 0 {
		return nil, errors.New("the file has a header and no rows")
	}
	return t, nil
}

// numbersOf reads the cells of a row.
func numbersOf(cells []string, rows *textRows) ([]float64, error) {
	numbers := make([]float64, len(cells))
	for i, cell := range cells {
		var err error
		if numbers[i], err = prep.ParseNumber(cell); err != nil {
			return nil, fmt.Errorf("line %d, column %q: %w", rows.line(), rows.names[i], err)
		}
	}
	return numbers, nil
}

var _ data.Table = (*table)(nil)

// Columns are the model's.
func (t *table) Columns() []prep.Column { return slices.Clone(t.columns) }

// Len is the number of rows.
func (t *table) Len() int { return len(t.targets) }

// Row is one row: features, then the target.
func (t *table) Row(i int, to []float64) error {
	if i < 0 || i >= t.Len() || len(to) < t.width+1 {
		return fmt.Errorf("row %d of %d, room for %d numbers", i, t.Len(), len(to))
	}
	copy(to, t.features[i*t.width:(i+1)*t.width])
	to[t.width] = t.targets[i]
	return nil
}

// Fields are the two columns of every table. Whoever measures reads them through the model's scaling, which has its own.
func (t *table) Fields() []engine.Field {
	y := engine.Field{Name: prep.Y, Type: engine.Type{Shape: engine.Shape{1}}, Use: engine.Target}
	return []engine.Field{{Name: prep.X, Type: engine.Type{Shape: engine.Shape{t.width}}, Use: engine.Feature}, y}
}

// Read is not used: a table is read through a pipeline.
func (t *table) Read([]int, []engine.Tensor) error {
	return errors.New("the rows have no scaling yet")
}
