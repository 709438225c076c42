package plot

// The legend: a sample of each path with its name, and the two marks, in as many rows as they need.

import (
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/descent-go/descent/report"
)

// legendRow is what stands side by side.
type legendRow struct {
	entries []legendEntry
	width   vg.Length
}

type legendEntry struct {
	name  string
	style int  // of a path
	mark  mark // else
	width vg.Length
}

// mark is a sign in the picture.
type mark uint8

const (
	noMark mark = iota
	startMark
	minimumMark
)

const (
	samplePad vg.Length = 5
	entryGap  vg.Length = 18
)

// sample is the width of what stands before the name.
func (e legendEntry) sample() vg.Length {
	if e.mark != noMark {
		return 10
	}
	return 22
}

// arrange breaks the legend into rows of at most a width.
func arrange(s Surface, t *faces, width vg.Length) []legendRow {
	var entries []legendEntry
	started := false
	for _, panel := range s.Panels {
		for _, path := range panel.Paths {
			entries = append(entries, legendEntry{name: report.Clean(path.Name), style: len(entries)})
			started = started || len(path.Points) > 0
		}
	}
	if started {
		entries = append(entries, legendEntry{name: "start", mark: startMark})
	}
	if len(s.Minima) > 0 {
		entries = append(entries, legendEntry{name: "minimum", mark: minimumMark})
	}
	var rows []legendRow
	for i := range entries {
		e := &entries[i]
		e.name = t.label.cut(e.name, width-e.sample()-samplePad)
		e.width = e.sample() + samplePad + t.label.Width(e.name)
	}
	for i, e := range entries {
		wanted := e.width
		if e.mark == startMark && i+1 < len(entries) {
			wanted += entryGap + entries[i+1].width // the marks stay together
		}
		if last := len(rows) - 1; last >= 0 && rows[last].width+entryGap+wanted <= width {
			rows[last].entries = append(rows[last].entries, e)
			rows[last].width += entryGap + e.width
			continue
		}
		rows = append(rows, legendRow{entries: []legendEntry{e}, width: e.width})
	}
	return rows
}

// draw draws a row around the middle of its base line.
func (r legendRow) draw(p *pen, middle vg.Point) {
	x := middle.X - r.width/2
	for _, e := range r.entries {
		y := middle.Y + 3
		sample := e.sample()
		if e.mark == noMark {
			p.walk(e.style, []vg.Point{{X: x, Y: y}, {X: x + sample, Y: y}})
			p.dot(colors[e.style%len(colors)], vg.Point{X: x + sample/2, Y: y}, dotRadius)
		} else {
			p.mark(e.mark, vg.Point{X: x + sample/2, Y: y})
		}
		p.text(p.faces.label, ink, vg.Point{X: x + sample + samplePad, Y: middle.Y}, 0, e.name)
		x += e.width + entryGap
	}
}

// mark draws a sign: a ring, a star with five points.
func (p *pen) mark(m mark, at vg.Point) {
	switch m {
	case startMark:
		p.dot(white, at, 5)
		p.dot(ink, at, 4)
		p.dot(white, at, 2.4)
	case minimumMark:
		p.fill(white, star(at, 7.5)...)
		p.fill(ink, star(at, 5.5)...)
	}
}

func star(at vg.Point, radius vg.Length) []vg.Point {
	var points []vg.Point
	for i := range 10 {
		r := radius
		if i%2 == 1 {
			r *= 0.45
		}
		sin, cos := math.Sincos(math.Pi * float64(i) / 5)
		points = append(points, vg.Point{X: at.X + r*vg.Length(sin), Y: at.Y + r*vg.Length(cos)})
	}
	return points
}
