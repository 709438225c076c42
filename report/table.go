package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// Tables of text: for people with aligned columns, for programs as CSV.

// Column is the head of a column.
type Column struct {
	Name  string
	Right bool // its cells are numbers: aligned on the right
}

// Table is a small table. A row with fewer cells than columns is filled with empty ones.
type Table struct {
	Columns []Column
	Rows    [][]string
	Total   []string // a last row below a line; nil for none
}

// Text writes the table with aligned columns, indented by two spaces. Cells are cleaned of whatever a terminal would obey, and cut to 40 cells.
func (t Table) Text(w io.Writer, o ...Option) error {
	c := newConsole(w, o)
	_, err := io.WriteString(w, strings.Join(t.lines(c), "\n")+"\n")
	return err
}

func (t Table) lines(c *console) []string {
	head := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		head[i] = column.Name
	}
	rows := append([][]string{head}, t.Rows...)
	if t.Total != nil {
		rows = append(rows, t.Total)
	}
	widths := make([]int, len(t.Columns))
	for i, row := range rows {
		clean := make([]string, len(t.Columns))
		for j := range min(len(row), len(clean)) {
			clean[j] = cut(Clean(row[j]), longest)
			widths[j] = max(widths[j], cells(clean[j]))
		}
		rows[i] = clean
	}
	var lines []string
	for i, row := range rows {
		parts := make([]string, len(row))
		for j, s := range row {
			parts[j] = pad(s, widths[j], t.Columns[j].Right)
		}
		line := strings.TrimRight(strings.Join(parts, "   "), " ")
		switch {
		case i == 0:
			line = c.paint(dim, line)
		case t.Total != nil && i == len(rows)-1:
			full := 3 * (len(widths) - 1)
			for _, n := range widths {
				full += n
			}
			lines = append(lines, "  "+c.paint(dim, strings.Repeat("-", full)))
		}
		lines = append(lines, "  "+line)
	}
	return lines
}

// CSV writes the table by RFC 4180 with \n line ends. A cell that a spreadsheet would run as a formula (it starts with = + - @, a tab or a
// carriage return, and is no number) has an apostrophe before it; raw turns that off. The total is left out.
func (t Table) CSV(w io.Writer, raw bool) error {
	out := csv.NewWriter(w)
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
	}
	for _, row := range append([][]string{head}, t.Rows...) {
		if err := out.Write(harmless(row, raw)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// harmless is row with an apostrophe before what a spreadsheet would run (OWASP ASVS 1.2.10).
func harmless(row []string, raw bool) []string {
	if raw {
		return row
	}
	safe := make([]string, len(row))
	for i, cell := range row {
		safe[i] = cell
		if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			continue
		}
		if _, err := strconv.ParseFloat(cell, 64); err != nil {
			safe[i] = "'" + cell
		}
	}
	return safe
}
