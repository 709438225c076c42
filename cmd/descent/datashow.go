package main

// What is in a data set, before anything is trained on it: rows and how they would be shared out, features and their ranges, classes with
// their shares, the scaling, and a picture of the first image.

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
	"github.com/descent-go/descent/report"
)

// dataShow shows what is in a set.
func (p *program) dataShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show NAME|FILE [flags]",
		Short: "what is in a data set or file",
		Long: "Shows what is in a data set, before anything is trained on it: rows and how a training would share them out, features with their ranges, " +
			"classes with their shares, the scaling, the terms of use and the checksum of the content; of images, the first one.",
		Example: `
  descent data show digits
  descent data show flowers.csv --label species
  descent data show mnist --json`,
		Args:              arguments(1, "NAME|FILE"),
		ValidArgsFunction: completeDataSet,
	}
	table := defineTable(c)
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		options, err := table.options()
		if err != nil {
			return err
		}
		s, err := contentOf(args[0], options)
		if err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(s.json())
		}
		return p.showContent(s)
	}
	return c
}

// content is what there is to say of a data set.
type content struct {
	ref         string
	rows        int
	parts       data.Parts
	given       bool // the test part is its authors'
	features    []prep.Column
	target      prep.Column
	ranges      []spread // a feature
	all         spread   // of all features together
	answer      spread   // of a regression's target
	classes     [][4]int // rows in all, in training, validation, test
	scaling     string
	license     string
	fingerprint string
	picture     []float64 // the first row's features
	pictured    string    // its class
}

// spread is the smallest, mean and largest value.
type spread struct{ low, mean, high float64 }

func (s spread) text() string {
	return fmt.Sprintf("%s to %s, mean %s", plainNumber(s.low), plainNumber(s.high), report.Number(s.mean))
}

// plainNumber is a value as it stands in the data: whole numbers without a point.
func plainNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return report.Count(int64(v))
	}
	return report.Number(v)
}

// contentOf reads all of a data set.
func contentOf(ref string, o data.Options) (content, error) {
	s := content{ref: ref}
	set, err := data.Open(ref, o)
	if err != nil {
		return s, err
	}
	table, ok := set.(data.Table)
	if !ok {
		return s, fmt.Errorf("%q is no table of numbers, so there is nothing to show", ref)
	}
	if d, ok := set.(data.Describer); ok {
		about := d.About()
		s.license, s.given = about.License, len(about.Test) > 0
	}
	s.fingerprint = fingerprint(set)
	s.rows = table.Len()
	if s.parts, err = (data.Split{}).Rows(set, 0); err != nil {
		return s, fmt.Errorf("%q: %w", ref, err)
	}
	pipeline, err := data.Fit(table, s.parts.Train, prep.Options{})
	if err != nil {
		return s, fmt.Errorf("%q: %w", ref, err)
	}
	s.scaling = pipeline.Scaling()
	columns := table.Columns()
	s.features, s.target = columns[:len(columns)-1], columns[len(columns)-1]
	if err := s.read(table); err != nil {
		return s, fmt.Errorf("%q: %w", ref, err)
	}
	return s, nil
}

// read goes through all rows for ranges and classes.
func (s *content) read(table data.Table) error {
	width := 0
	for _, f := range s.features {
		width += f.Size()
	}
	s.ranges = make([]spread, len(s.features))
	empty := spread{low: math.Inf(1), high: math.Inf(-1)}
	s.all, s.answer = empty, empty
	sums := make([]float64, len(s.features))
	for j := range s.ranges {
		s.ranges[j] = empty
	}
	s.classes = make([][4]int, len(s.target.Categories))
	part := make([]byte, s.rows) // 0: a test part that is left unused
	for k, rows := range [][]int{s.parts.Train, s.parts.Validation, s.parts.Test} {
		for _, i := range rows {
			part[i] = byte(k + 1)
		}
	}
	row := make([]float64, width+1)
	answers := 0.0
	for i := range s.rows {
		if err := table.Row(i, row); err != nil {
			return err
		}
		at := 0
		for j, f := range s.features {
			r := &s.ranges[j]
			for _, v := range row[at : at+f.Size()] {
				r.low, r.high = min(r.low, v), max(r.high, v)
				sums[j] += v
			}
			at += f.Size()
		}
		if v := row[width]; s.target.Kind == prep.Class {
			s.classes[int(v)][0]++
			if part[i] > 0 {
				s.classes[int(v)][part[i]]++
			}
		} else {
			s.answer.low, s.answer.high = min(s.answer.low, v), max(s.answer.high, v)
			answers += v
		}
		if i == 0 && len(s.features) == 1 {
			s.picture = slices.Clone(row[:width])
			if s.classification() {
				s.pictured = nameOf(s.target.Categories, int(row[width]))
			}
		}
	}
	total := 0.0
	for j, f := range s.features {
		s.ranges[j].mean = sums[j] / float64(s.rows) / float64(f.Size())
		s.all.low, s.all.high = min(s.all.low, s.ranges[j].low), max(s.all.high, s.ranges[j].high)
		total += sums[j]
	}
	s.all.mean = total / float64(s.rows) / float64(width)
	s.answer.mean = answers / float64(s.rows)
	return nil
}

func (s *content) classification() bool { return s.target.Kind == prep.Class }

func (s *content) json() map[string]any {
	form := func(r spread) map[string]any { return map[string]any{"low": r.low, "mean": r.mean, "high": r.high} }
	features := []any{}
	for j, f := range s.features {
		o := form(s.ranges[j])
		o["name"] = f.Name
		if f.Shape != nil {
			o["shape"] = []int(f.Shape)
		}
		features = append(features, o)
	}
	o := map[string]any{"data": s.ref, "rows": s.rows, "target": s.target.Name, "features": features, "scaling": s.scaling,
		"split":       map[string]any{"train": len(s.parts.Train), "validation": len(s.parts.Validation), "test": len(s.parts.Test), "test_given": s.given},
		"fingerprint": s.fingerprint}
	if s.license != "" {
		o["license"] = s.license
	}
	if !s.classification() {
		o["task"], o["target_range"] = "regression", form(s.answer)
		return o
	}
	classes := []any{}
	for i, name := range s.target.Categories {
		n := s.classes[i]
		classes = append(classes, map[string]any{"class": name, "rows": n[0], "share": float64(n[0]) / float64(s.rows), "train": n[1], "validation": n[2], "test": n[3]})
	}
	o["task"], o["classes"] = "classification", classes
	return o
}

// mostListed is how many columns or classes are listed one by one.
const mostListed = 30

func (p *program) showContent(s content) error {
	fmt.Fprintln(p.stdout, "data  "+report.Clean(s.ref))
	line := func(label, value string) {
		for i, l := range wrapped(report.Clean(value), max(20, p.width()-17)) {
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(p.stdout, "  %-15s%s\n", label, l)
		}
	}
	line("rows", report.Count(s.rows))
	test := "drawn"
	if s.given {
		test = "its authors' own"
	}
	line("split", fmt.Sprintf("%s training, %s validation, %s test (%s)", report.Count(len(s.parts.Train)), report.Count(len(s.parts.Validation)), report.Count(len(s.parts.Test)), test))
	width := 0
	for _, f := range s.features {
		width += f.Size()
	}
	shape := s.imageShape()
	text := report.Count(width) + " numbers"
	if shape != nil {
		text += ", " + shapeText(s.features[0].Shape)
	}
	line("features", text+", "+s.all.text())
	if s.classification() {
		line("target", s.target.Name+", one of "+report.Count(len(s.classes))+" classes")
	} else {
		line("target", s.target.Name+", a number, "+s.answer.text())
	}
	line("scaling", s.scaling)
	if s.license != "" {
		label := "license"
		for paragraph := range strings.SplitSeq(strings.TrimSpace(s.license), "\n\n") {
			line(label, strings.ReplaceAll(paragraph, "\n", " "))
			label = ""
		}
	}
	line("fingerprint", s.fingerprint)
	if t := s.columnTable(); t.Rows != nil {
		fmt.Fprintln(p.stdout)
		if err := t.Text(p.stdout); err != nil {
			return err
		}
		p.more(len(s.features), "features")
	}
	if t := s.classTable(); t.Rows != nil {
		fmt.Fprintln(p.stdout)
		if err := t.Text(p.stdout); err != nil {
			return err
		}
		p.more(len(s.classes), "classes")
	}
	if shape == nil {
		return nil
	}
	if picture := drawn(s.picture, shape, s.all.high, p.width()); picture != "" {
		title := "first row"
		if s.pictured != "" {
			title += ", " + s.target.Name + " " + s.pictured
		}
		return p.print("\n  " + report.Clean(title) + "\n" + picture)
	}
	return nil
}

func (p *program) more(n int, what string) {
	if n > mostListed {
		fmt.Fprintf(p.stdout, "  and %s more %s\n", report.Count(n-mostListed), what)
	}
}

// columnTable lists the features of a table; an image has one column only, whose range is said already.
func (s *content) columnTable() report.Table {
	t := report.Table{Columns: []report.Column{{Name: "feature"}, {Name: "smallest", Right: true}, {Name: "mean", Right: true}, {Name: "largest", Right: true}}}
	if s.imageShape() != nil {
		return t
	}
	for j, f := range s.features[:min(len(s.features), mostListed)] {
		r := s.ranges[j]
		t.Rows = append(t.Rows, []string{f.Name, plainNumber(r.low), report.Number(r.mean), plainNumber(r.high)})
	}
	return t
}

func (s *content) classTable() report.Table {
	t := report.Table{Columns: []report.Column{{Name: "class"}, {Name: "rows", Right: true}, {Name: "share", Right: true},
		{Name: "training", Right: true}, {Name: "validation", Right: true}, {Name: "test", Right: true}}}
	for i, n := range s.classes[:min(len(s.classes), mostListed)] {
		t.Rows = append(t.Rows, []string{nameOf(s.target.Categories, i), report.Count(n[0]), report.Percent(float64(n[0]) / float64(s.rows)),
			report.Count(n[1]), report.Count(n[2]), report.Count(n[3])})
	}
	return t
}

// imageShape is height and width of grey images, nil for everything else.
func (s *content) imageShape() engine.Shape {
	if len(s.features) != 1 {
		return nil
	}
	shape := s.features[0].Shape
	if len(shape) == 3 && shape[2] == 1 {
		shape = shape[:2]
	}
	if len(shape) != 2 {
		return nil
	}
	return shape
}

// drawn is an image in characters, two beside each other a pixel where there is room; "" if it is too wide.
func drawn(pixels []float64, shape engine.Shape, largest float64, width int) string {
	const levels = " .:-=+*#%@"
	height, columns := shape[0], shape[1]
	wide := 2
	if 2+2*columns > width {
		wide = 1
	}
	if 2+wide*columns > width || height > 100 || len(pixels) != height*columns || !(largest > 0) {
		return ""
	}
	var b strings.Builder
	for y := range height {
		line := "  "
		for _, v := range pixels[y*columns : (y+1)*columns] {
			k := int(math.Round(v / largest * float64(len(levels)-1)))
			k = min(max(k, 0), len(levels)-1)
			line += strings.Repeat(levels[k:k+1], wide)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// columns is the width of the terminal that standard error goes to.
func (p *program) columns() int {
	if columns, _, err := term.GetSize(int(p.stderr.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}
