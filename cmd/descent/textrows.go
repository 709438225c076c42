package main

// Rows of a table of text for a model: cells in the order of the model's columns, found by name in the header.

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/prep"
)

// textRows reads row by row, so that a stream of any length needs no memory.
type textRows struct {
	csv    *csv.Reader
	limit  *limited
	names  []string // of the inputs, a cell each
	order  []int    // place of each input's cell
	label  int      // place of the answer, -1 for none
	width  int      // cells of a line
	first  []string // a first line that was a row
	cells  []string
	answer string
	at     int // line of the row
}

const (
	maxLine = 64 << 20 // bytes
	maxCell = 1 << 20
)

// limited refuses lines without end, which csv would read into memory.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a line has more than %d bytes; is a quote left open?", maxLine)
	}
	n, err := l.r.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

// newTextRows reads the header and finds the model's columns in it.
func newTextRows(m *descent.Model, r io.Reader) (*textRows, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	head, err := buffered.Peek(1 << 16)
	if len(head) == 0 {
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, errors.New("the file is empty; a line with column names and rows below it are wanted")
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		buffered.Discard(3)
		head = head[3:]
	}
	t := &textRows{limit: &limited{r: buffered, left: maxLine}, label: -1}
	t.csv = csv.NewReader(t.limit)
	t.csv.Comma = delimiter(head)
	t.csv.FieldsPerRecord, t.csv.ReuseRecord = -1, true
	header, err := t.record()
	if err != nil {
		return nil, err
	}
	t.width = len(header)
	return t, t.match(m, slices.Clone(header))
}

// delimiter is the one of comma, semicolon and tab that the first line has most of, outside of quotes.
func delimiter(head []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	counts := map[rune]int{}
	quoted := false
	for _, b := range line {
		if b == '"' {
			quoted = !quoted
		}
		if !quoted {
			counts[rune(b)]++
		}
	}
	best := ','
	for _, r := range ";\t" {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// match finds the inputs and the answer among the names of the header.
func (t *textRows) match(m *descent.Model, header []string) error {
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	inputs, target := m.Inputs(), m.Pipeline().Target().Name
	t.label = slices.Index(header, target)
	if allNumbers(header) {
		return t.unnamed(m, header)
	}
	if !isTable(m) { // cells of an image: all columns but the answer, in order
		for i, name := range header {
			if i != t.label {
				t.order, t.names = append(t.order, i), append(t.names, name)
			}
		}
		if len(t.order) != m.Width() {
			return fmt.Errorf("the header has %d columns; the model wants %d numbers a row (%s, %v)", len(t.order), m.Width(), inputs[0].Name, inputs[0].Shape)
		}
		return nil
	}
	var lacking []string
	for _, c := range inputs {
		i := slices.Index(header, c.Name)
		if i >= 0 && slices.Contains(header[i+1:], c.Name) {
			return fmt.Errorf("two columns have the name %q", c.Name)
		}
		if i < 0 {
			lacking = append(lacking, c.Name)
		}
		t.order, t.names = append(t.order, i), append(t.names, c.Name)
	}
	if len(lacking) > 0 {
		return lacks(lacking, header)
	}
	return nil
}

// unnamed takes a first line of numbers for a row, if there are as many as the model has columns.
func (t *textRows) unnamed(m *descent.Model, line []string) error {
	t.label = -1
	switch len(line) {
	case m.Width() + 1:
		t.label = m.Width()
	case m.Width():
	default:
		return fmt.Errorf("the first line is numbers where column names are wanted, and has %d cells; without names the model's %d columns are wanted, in order", len(line), m.Width())
	}
	for i := range m.Width() {
		name := fmt.Sprint(i + 1)
		if columns := m.Inputs(); i < len(columns) && len(columns) == m.Width() {
			name = columns[i].Name
		}
		t.order, t.names = append(t.order, i), append(t.names, name)
	}
	t.first = line
	return nil
}

func allNumbers(cells []string) bool {
	for _, c := range cells {
		if _, err := prep.ParseNumber(c); err != nil {
			return false
		}
	}
	return true
}

func lacks(names, header []string) error {
	text := fmt.Sprintf("there is no column %q", names[0])
	if len(names) > 1 {
		text = "there are no columns " + quotedList(names)
	}
	if near := spec.Nearest(names[0], header); near != "" {
		text += fmt.Sprintf("; the file has %q", near)
	}
	return errors.New(text + "; the model wants every column that it was trained on, by its name")
}

// record reads one line of cells.
func (t *textRows) record() ([]string, error) {
	t.limit.left = maxLine
	cells, err := t.csv.Read()
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("line %d: %w", wrong.Line, wrong.Err)
	}
	if err != nil {
		return nil, err
	}
	t.at, _ = t.csv.FieldPos(0)
	for i, cell := range cells {
		switch {
		case len(cell) > maxCell:
			return nil, fmt.Errorf("line %d: cell %d has more than %d bytes", t.at, i+1, maxCell)
		case !utf8.ValidString(cell) || strings.ContainsRune(cell, 0):
			return nil, fmt.Errorf("line %d: cell %d is no text in UTF-8; save the table as CSV in UTF-8", t.at, i+1)
		}
	}
	return cells, nil
}

// next is the next row's cells, in the model's order; they are valid until the call after. It returns io.EOF after the last.
func (t *textRows) next() ([]string, error) {
	cells := t.first
	if t.first = nil; cells == nil {
		var err error
		if cells, err = t.record(); err != nil {
			return nil, err
		}
	}
	if len(cells) != t.width {
		return nil, fmt.Errorf("line %d has %d cells; the first line has %d", t.at, len(cells), t.width)
	}
	t.cells = t.cells[:0]
	for _, i := range t.order {
		t.cells = append(t.cells, cells[i])
	}
	if t.label >= 0 {
		t.answer = cells[t.label]
	}
	return t.cells, nil
}

func (t *textRows) line() int { return t.at }
