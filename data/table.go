package data

// This file makes a table of numbers of a text file with a header: which column is the target, whether it is a class or a number, and what
// to say when a cell is no number. Cells become numbers while the file is read, so that the text is never held as a whole.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/prep"
)

// maxUnpacked bounds what a packed text may unpack to: a small file can be made that unpacks to terabytes.
const maxUnpacked = 4 << 30

// autoClasses is the largest number of distinct whole numbers that are taken for classes.
const autoClasses = 20

func readTable(f *source, o Options) (*memory, error) {
	var r io.Reader = f
	if f.packed {
		r = &capped{r: f, left: maxUnpacked}
	}
	m, err := parseTable(r, o)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// capped is an io.LimitedReader whose end is an error.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the packed file holds more than %d bytes; unpack it first", int64(maxUnpacked))
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// columnPlan says what becomes of each cell of a line.
type columnPlan struct {
	names []string // of all columns
	use   []bool   // feature or target
	label int
	width int // features
}

func parseTable(r io.Reader, o Options) (*memory, error) {
	c, err := newCSVReader(r)
	if err != nil {
		return nil, err
	}
	if err := c.read(); err == io.EOF {
		return nil, fmt.Errorf("the file is empty; a line with column names and rows below it are wanted")
	} else if err != nil {
		return nil, err
	}
	plan, err := planColumns(c, o)
	if err != nil {
		return nil, err
	}
	m := &memory{width: plan.width}
	t := target{name: plan.names[plan.label], task: o.Task, words: map[string]int32{}, numbers: map[float64]int32{}, whole: true}
	if !o.NoHeader {
		err = c.read()
	}
	for ; err == nil; err = c.read() {
		if c.len() != len(plan.names) {
			return nil, fmt.Errorf("line %d has %d cells; the %s has %d", c.line, c.len(), firstLine(o), len(plan.names))
		}
		if m.n == 0 {
			if err := plan.refuseWords(c); err != nil {
				return nil, err
			}
		}
		for i := range plan.names {
			switch {
			case i == plan.label:
				err = t.add(c.cell(i))
			case plan.use[i]:
				var v float64
				v, err = prep.ParseNumber(string(c.cell(i)))
				m.f64 = append(m.f64, v)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d, column %d (%s): %w", c.line, i+1, quote(plan.names[i]), err)
			}
		}
		m.n++
	}
	if err != io.EOF {
		return nil, err
	}
	if m.n == 0 {
		return nil, fmt.Errorf("the file has a header and no rows")
	}
	if err := t.finish(m); err != nil {
		return nil, fmt.Errorf("column %d (%s): %w", plan.label+1, quote(t.name), err)
	}
	for i, name := range plan.names {
		if plan.use[i] && i != plan.label {
			m.columns = append(m.columns, prep.Column{Name: name, Kind: prep.Number})
		}
	}
	m.columns = append(m.columns, t.column())
	m.finish()
	return m, m.err
}

func firstLine(o Options) string {
	if o.NoHeader {
		return "first row"
	}
	return "header"
}

// planColumns reads the names and finds the target.
func planColumns(c *csvReader, o Options) (columnPlan, error) {
	p := columnPlan{names: make([]string, c.len()), use: make([]bool, c.len()), label: c.len() - 1}
	at := make(map[string]int, c.len())
	numbers := 0
	for i := range p.names {
		if _, err := prep.ParseNumber(string(c.cell(i))); err == nil {
			numbers++
		}
	}
	if numbers*2 >= len(p.names) && !o.NoHeader {
		return p, fmt.Errorf("line %d has numbers where column names are wanted; write a line of names above it, or say that there is no header", c.line)
	}
	for i := range p.names {
		p.use[i] = true
		name := strings.TrimSpace(string(c.cell(i)))
		if o.NoHeader {
			name = "x" + strconv.Itoa(i+1)
			if i == p.label {
				name = "y"
			}
		}
		if name == "" {
			return p, fmt.Errorf("line %d: column %d has no name; give it one (pandas writes such a column of row numbers unless told index=False)", c.line, i+1)
		}
		if j, ok := at[name]; ok {
			return p, fmt.Errorf("line %d: columns %d and %d have the same name, %s", c.line, j+1, i+1, quote(name))
		}
		at[name], p.names[i] = i, name
	}
	find := func(what, name string) (int, error) {
		i, ok := at[name]
		if ok {
			return i, nil
		}
		text := fmt.Sprintf("there is no %s column %s; ", what, quote(name))
		if near := spec.Nearest(name, p.names); near != "" {
			text += fmt.Sprintf("did you mean %s? ", quote(near))
		}
		return 0, errors.New(text + "the columns are " + list(p.names))
	}
	if o.Label != "" {
		var err error
		if p.label, err = find("label", o.Label); err != nil {
			return p, err
		}
	}
	for _, name := range o.Drop {
		i, err := find("dropped", name)
		if err != nil {
			return p, err
		}
		if i == p.label {
			return p, fmt.Errorf("column %s is the label and cannot be dropped; name another label", quote(name))
		}
		p.use[i] = false
	}
	for i, use := range p.use {
		if use && i != p.label {
			p.width++
		}
	}
	if p.width == 0 {
		return p, fmt.Errorf("line %d names no column beside the target %s (cells are divided by commas, semicolons or tabs); at least one feature is wanted",
			c.line, quote(p.names[p.label]))
	}
	return p, nil
}

// refuseWords names all feature columns that hold words in the first row, since they will all have to go.
func (p columnPlan) refuseWords(c *csvReader) error {
	var words []string
	example := ""
	for i, name := range p.names {
		cell := strings.TrimSpace(string(c.cell(i)))
		if i == p.label || !p.use[i] || prep.Missing(cell) {
			continue
		}
		// A cell that begins with a digit or a sign is rather a number gone wrong, which has a message of its own.
		if _, err := prep.ParseNumber(cell); err != nil && !strings.ContainsAny(cell[:1], "0123456789+-.") {
			if words = append(words, name); len(words) == 1 {
				example = cell
			}
		}
	}
	if len(words) == 0 {
		return nil
	}
	text := "column " + list(words) + " holds words"
	if len(words) > 1 {
		text = "columns " + list(words) + " hold words"
	}
	return fmt.Errorf("%s (line %d: %s); features must be numbers: drop the column, or encode it as numbers, one column of 0 and 1 a word",
		text, c.line, quote(example))
}

// target collects the target's cells until it is known what they are.
type target struct {
	name, task string
	words      map[string]int32 // codes of words and of numbers, in order of appearance
	numbers    map[float64]int32
	class      []int32
	value      []float64
	whole      bool
	plainOnly  bool // so many distinct numbers that codes are no longer kept: a regression
	firstWord  string
	firstLine  int
	names      []string
	rows       int
}

// add takes one cell.
func (t *target) add(cell []byte) error {
	t.rows++
	// A word that was seen before, first: that a word is no number costs a message otherwise.
	if code, ok := t.words[string(bytes.TrimSpace(cell))]; ok {
		t.class, t.value = append(t.class, code), append(t.value, math.NaN())
		return nil
	}
	v, err := prep.ParseNumber(string(cell))
	if err == nil {
		t.whole = t.whole && v == math.Trunc(v)
		t.value = append(t.value, v)
		if t.plainOnly || t.task == regression {
			return nil
		}
		code, ok := t.numbers[v]
		if !ok {
			code = int32(len(t.numbers) + len(t.words))
			t.numbers[v] = code
			const most = 1 << 16
			if len(t.numbers) > most && t.task != classification && len(t.words) == 0 {
				t.plainOnly, t.class, t.numbers = true, nil, nil
				return nil
			}
		}
		t.class = append(t.class, code)
		return t.tooMany()
	}
	word := strings.TrimSpace(string(cell))
	switch sign := strings.ToLower(strings.TrimLeft(word, "+-")); {
	case t.task == regression, t.plainOnly, sign == "inf", sign == "infinity":
		return err
	case prep.Missing(word) && !strings.EqualFold(word, "none"): // "none" is a usual name of a class
		return fmt.Errorf("the target is missing (%s); remove the row", quote(word))
	}
	if t.firstWord == "" {
		t.firstWord, t.firstLine = word, t.rows
	}
	code := int32(len(t.numbers) + len(t.words))
	t.words[word] = code
	t.class, t.value = append(t.class, code), append(t.value, math.NaN())
	return t.tooMany()
}

func (t *target) tooMany() error {
	if len(t.words)+len(t.numbers) > engine.MaxIndex {
		return fmt.Errorf("more than %d classes", engine.MaxIndex)
	}
	return nil
}

// finish decides the task and gives m its targets.
func (t *target) finish(m *memory) error {
	distinct := len(t.words) + len(t.numbers)
	asClasses := t.task == classification
	if t.task == "" || t.task == auto {
		switch {
		case len(t.words) > 0 && len(t.numbers) > autoClasses:
			return fmt.Errorf("the target has numbers (%d distinct) and words (row %d: %s); put that right, or set task to %s to make a class of each",
				len(t.numbers), t.firstLine, quote(t.firstWord), classification)
		case len(t.words) > 0:
			asClasses = true
		default:
			asClasses = !t.plainOnly && t.whole && distinct <= autoClasses && 2*distinct <= t.rows
		}
	}
	if !asClasses {
		if slices.Min(t.value) == slices.Max(t.value) {
			return fmt.Errorf("the target is %v in all %d rows: there is nothing to learn", t.value[0], t.rows)
		}
		m.value = t.value
		return nil
	}
	if distinct < 2 {
		return fmt.Errorf("the target has only one class, %s, in all %d rows; two or more are wanted", quote(t.only()), t.rows)
	}
	if distinct == t.rows && t.rows > autoClasses {
		return fmt.Errorf("the target is different in each of the %d rows, so there are no classes to learn; name another label, or drop this column", t.rows)
	}
	t.number()
	m.class = t.class
	return nil
}

func (t *target) only() string {
	if t.firstWord != "" {
		return t.firstWord
	}
	return prep.NumberName(t.value[0])
}

// number orders the classes, by value if all are numbers and else by name, and numbers the rows' classes accordingly.
func (t *target) number() {
	type class struct {
		name  string
		value float64
		code  int32
	}
	classes := make([]class, 0, len(t.words)+len(t.numbers))
	for v, code := range t.numbers {
		classes = append(classes, class{prep.NumberName(v), v, code})
	}
	for word, code := range t.words {
		classes = append(classes, class{word, 0, code})
	}
	slices.SortFunc(classes, func(a, b class) int {
		if len(t.words) == 0 {
			return cmp.Compare(a.value, b.value)
		}
		return strings.Compare(a.name, b.name)
	})
	place := make([]int32, len(classes))
	t.names = make([]string, len(classes))
	for i, c := range classes {
		place[c.code], t.names[i] = int32(i), c.name
	}
	for i, code := range t.class {
		t.class[i] = place[code]
	}
}

func (t *target) column() prep.Column {
	if t.names == nil {
		return prep.Column{Name: t.name, Kind: prep.Target}
	}
	return prep.Column{Name: t.name, Kind: prep.Class, Categories: t.names}
}

// list writes names for a message, the first of them if they are many.
func list(names []string) string {
	const most = 12
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(name))
	}
	return b.String()
}
