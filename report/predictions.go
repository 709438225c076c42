package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A model's answers, row by row: as a table for people, as CSV and JSON for programs. Rows are written as they come, so that a file of any
// length needs no memory.

// Prediction is the answer for one row.
type Prediction struct {
	Row           string    // what the row is called: its number or file name
	Class         int       // of a classification: the most likely class; -1 for none
	Probabilities []float64 // one a class
	Values        []float64 // of a regression: one a target
}

// PredictionWriter writes predictions. Make one with NewPredictions, and call Close at the end.
type PredictionWriter struct {
	Top int  // table: how many classes are named with their probability; 0 means 3
	Raw bool // CSV: cells that a spreadsheet would run as formulas stay as they are

	format  string
	classes []string
	targets []string
	console *console
	out     *bufio.Writer
	csv     *csv.Writer
	rows    int
	width   int // of the longest class name
}

// PredictionFormats are the names that NewPredictions takes.
func PredictionFormats() []string { return []string{"table", "csv", "json"} }

// NewPredictions returns a writer of predictions. Classes are the class names of a classification, targets the names of a regression's
// targets; the other one is nil. Format "json" is one object a line.
func NewPredictions(w io.Writer, format string, classes, targets []string, o ...Option) (*PredictionWriter, error) {
	if !slices.Contains(PredictionFormats(), format) {
		return nil, fmt.Errorf("format %q of predictions is unknown; formats are %s", format, strings.Join(PredictionFormats(), ", "))
	}
	p := &PredictionWriter{format: format, classes: classes, targets: targets, console: newConsole(w, o), out: bufio.NewWriter(w)}
	if format == "csv" {
		p.csv = csv.NewWriter(p.out)
	}
	p.width = len("class")
	for _, name := range classes {
		p.width = max(p.width, min(longest, cells(Clean(name))))
	}
	return p, nil
}

// Write writes one prediction, behind the head if it is the first.
func (p *PredictionWriter) Write(q Prediction) error {
	p.rows++
	switch p.format {
	case "csv":
		return p.writeCSV(q)
	case "json":
		return p.writeJSON(q)
	}
	return p.writeTable(q)
}

// Close writes what is left in the buffer. It does not close the writer.
func (p *PredictionWriter) Close() error {
	if p.csv != nil {
		p.csv.Flush()
		if err := p.csv.Error(); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

func (p *PredictionWriter) class(i int) string {
	if i >= 0 && i < len(p.classes) {
		return p.classes[i]
	}
	return ""
}

func probability(q Prediction) float64 {
	if q.Class >= 0 && q.Class < len(q.Probabilities) {
		return q.Probabilities[q.Class]
	}
	return math.NaN()
}

func (p *PredictionWriter) writeCSV(q Prediction) error {
	if p.rows == 1 {
		head := []string{"row"}
		if p.classes != nil {
			head = append(head, "class", "probability")
			for _, name := range p.classes {
				head = append(head, "p("+name+")")
			}
		} else {
			head = append(head, p.targets...)
		}
		if err := p.csv.Write(harmless(head, p.Raw)); err != nil {
			return err
		}
	}
	plain := func(v float64) string { return strconv.FormatFloat(v, 'g', 7, 64) }
	row := []string{q.Row}
	if p.classes != nil {
		row = append(row, p.class(q.Class), plain(probability(q)))
		for i := range p.classes {
			row = append(row, plain(at(q.Probabilities, i)))
		}
	} else {
		for i := range p.targets {
			row = append(row, plain(at(q.Values, i)))
		}
	}
	return p.csv.Write(harmless(row, p.Raw))
}

func at(x []float64, i int) float64 {
	if i < len(x) {
		return x[i]
	}
	return math.NaN()
}

// writeJSON writes the keys in a fixed order: classes and targets in theirs.
func (p *PredictionWriter) writeJSON(q Prediction) error {
	b := appendText([]byte(`{"row":`), q.Row)
	object := func(names []string, values []float64) {
		b = append(b, '{')
		for i, name := range names {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, name), ':')
			b = appendNumber(b, at(values, i))
		}
		b = append(b, '}')
	}
	if p.classes != nil {
		b = append(b, `,"class":`...)
		if q.Class < 0 || q.Class >= len(p.classes) {
			b = append(b, "null"...)
		} else {
			b = appendText(b, p.class(q.Class))
		}
		b = appendNumber(append(b, `,"probability":`...), probability(q))
		b = append(b, `,"probabilities":`...)
		object(p.classes, q.Probabilities)
	} else {
		b = append(b, `,"values":`...)
		object(p.targets, q.Values)
	}
	_, err := p.out.Write(append(b, '}', '\n'))
	return err
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has a form
	return append(b, text...)
}

// appendNumber writes what is not finite as text, as events do.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', 7, 64)
}

// rowWidth is the width of the first column: rows are not known beforehand.
const rowWidth = 24

func (p *PredictionWriter) writeTable(q Prediction) error {
	c := p.console
	line := func(first string, rest ...string) string {
		s := "  " + pad(fit(Clean(first), rowWidth), rowWidth, false)
		for _, r := range rest {
			s += "   " + r
		}
		return strings.TrimRight(s, " ")
	}
	var head, cellsOf []string
	if p.classes != nil {
		head = []string{pad("class", p.width, false), pad("probability", 11, true), "then"}
		cellsOf = []string{pad(cut(Clean(p.class(q.Class)), longest), p.width, false), pad(Percent(probability(q)), 11, true), p.others(q)}
	} else {
		for i, name := range p.targets {
			name = cut(Clean(name), longest)
			width := max(11, cells(name))
			head = append(head, pad(name, width, true))
			cellsOf = append(cellsOf, pad(Number(at(q.Values, i)), width, true))
		}
	}
	text := ""
	if p.rows == 1 {
		text = c.paint(dim, line("row", head...)) + "\n"
	}
	_, err := p.out.WriteString(text + line(q.Row, cellsOf...) + "\n")
	return err
}

// fit keeps the end of a long name: of a path that is what tells rows apart.
func fit(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	for i := range s {
		if cells(s[i:]) <= width-3 {
			return "..." + s[i:]
		}
	}
	return ""
}

// others are the next likely classes.
func (p *PredictionWriter) others(q Prediction) string {
	top := p.Top
	if top <= 0 {
		top = 3
	}
	order := make([]int, 0, len(q.Probabilities))
	for i, v := range q.Probabilities {
		if i != q.Class && v >= 0.0005 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := q.Probabilities[a], q.Probabilities[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	var parts []string
	for _, i := range order[:min(top-1, len(order))] {
		parts = append(parts, cut(Clean(p.class(i)), 20)+" "+Percent(q.Probabilities[i]))
	}
	return sentence(parts...)
}
