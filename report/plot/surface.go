package plot

// Pictures of functions of two variables as files: lines of equal value, and on them the paths of optimizers. The layout is fixed and nothing is
// drawn in the order of a map, so that the same picture is the same bytes.

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/descent-go/descent/report"
)

// Surface describes a picture: a function, and one or more panels with paths on it, side by side.
type Surface struct {
	Title    string
	Subtitle string
	// Value is the function; where it isn't finite nothing is drawn.
	Value func(x, y float64) float64
	// Low and High are the corners of what is shown, at the bottom left and at the top right.
	Low, High [2]float64
	// Least is the function's least value: lines of equal value are spaced by equal factors above it. -Inf: above and below 0.
	Least float64
	// Minima are marked where they can be seen, and the first point of every path.
	Minima [][]float64
	Panels []Panel
}

// Panel is one of several drawings of the same function.
type Panel struct {
	Title string // "" where there is one panel
	Paths []Path
}

// Path is where one optimizer went. Points have two coordinates each; the path is cut where they stop being finite.
type Path struct {
	Name   string // for the legend
	Points [][]float64
}

// Formats are what [Contour] writes.
func Formats() []string { return []string{"svg", "png"} }

// MaxPaths is how many paths can be told apart in one picture.
const MaxPaths = len(colors) * len(dashes)

// colors are those of Okabe and Ito (2008), which color-blind people tell apart, without yellow and black: on white the one is not seen, the other
// is for text.
var colors = [...]color.RGBA{
	{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0x00, 0x9e, 0x73, 0xff}, // green
	{0xcc, 0x79, 0xa7, 0xff}, // purple
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x56, 0xb4, 0xe9, 0xff}, // sky
}

// dashes tell paths apart once colors repeat.
var dashes = [...][]vg.Length{nil, {5, 2.5}}

var (
	ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	faint = color.RGBA{0x66, 0x66, 0x66, 0xff}
	frame = color.RGBA{0x99, 0x99, 0x99, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// The layout, in points: 640 of them are as wide as a page of text.
const (
	pageWidth  vg.Length = 640
	margin     vg.Length = 12
	gutter     vg.Length = 16 // between panels
	axisLeft   vg.Length = 34
	axisBottom vg.Length = 30
	resolution           = 144 // of PNG, dots an inch
)

// Contour writes a picture in a format, "svg" or "png".
func Contour(w io.Writer, format string, s Surface) error {
	if err := s.check(format); err != nil {
		return err
	}
	t, err := newType()
	if err != nil {
		return err
	}
	l := newLayout(s, t)
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case "svg":
		canvas = vgsvg.New(l.width, l.height)
	case "png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(l.width, l.height), vgimg.UseDPI(resolution), vgimg.UseBackgroundColor(white))}
	}
	l.draw(&pen{Canvas: canvas, faces: t}, s)
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return err
	}
	picture := out.Bytes()
	if format == "svg" {
		// Where the font is missing, those of the same widths do.
		picture = bytes.ReplaceAll(picture, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
		// As in PNG, corners have no spikes.
		picture = bytes.Replace(picture, []byte(`<g transform="scale`), []byte(`<g stroke-linejoin="round" transform="scale`), 1)
	}
	_, err = w.Write(picture)
	return err
}

func (s Surface) check(format string) error {
	if !slices.Contains(Formats(), format) {
		return fmt.Errorf("picture: format %q: one of %s is wanted", format, strings.Join(Formats(), ", "))
	}
	for i := range 2 {
		if size := s.High[i] - s.Low[i]; !(size > 0) || math.IsInf(size, 1) {
			return fmt.Errorf("picture: from %v to %v there is nothing to show; a low and a higher finite number are wanted", s.Low[i], s.High[i])
		}
	}
	if s.Value == nil {
		return fmt.Errorf("picture: there is no function to draw")
	}
	if n := len(s.Panels); n < 1 || n > 2 {
		return fmt.Errorf("picture: %d panels; one or two are wanted", n)
	}
	n := 0
	for _, p := range s.Panels {
		n += len(p.Paths)
		for _, path := range p.Paths {
			for i, x := range path.Points {
				if len(x) != 2 {
					return fmt.Errorf("picture: path %q has %d coordinates at point %d; two are wanted", path.Name, len(x), i)
				}
			}
		}
	}
	if n > MaxPaths {
		return fmt.Errorf("picture: %d paths; at most %d can be told apart", n, MaxPaths)
	}
	return nil
}

// layout is where everything goes.
type layout struct {
	width, height vg.Length
	panels        []vg.Rectangle
	titled        bool // panels have titles
	legend        []legendRow
}

const (
	titleHeight    vg.Length = 20
	subtitleHeight vg.Length = 16
	panelTitle     vg.Length = 19
	legendHeight   vg.Length = 17
)

func newLayout(s Surface, t *faces) layout {
	l := layout{width: pageWidth}
	n := vg.Length(len(s.Panels))
	each := (l.width - 2*margin - (n-1)*gutter) / n
	inner := each - axisLeft
	// A unit is as long in both directions unless that makes the picture a strip or a tower.
	aspect := min(max((s.High[0]-s.Low[0])/(s.High[1]-s.Low[1]), 1.5), 2)
	if n > 1 {
		aspect = min(aspect, 1.6)
	}
	high := inner / vg.Length(aspect)
	for _, p := range s.Panels {
		l.titled = l.titled || p.Title != ""
	}
	l.legend = arrange(s, t, l.width-2*margin)
	bottom := margin + vg.Length(len(l.legend))*legendHeight + axisBottom
	for i := range s.Panels {
		left := margin + vg.Length(i)*(each+gutter) + axisLeft
		l.panels = append(l.panels, vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: left + inner, Y: bottom + high}})
	}
	l.height = bottom + high + margin
	for _, part := range []struct {
		there bool
		high  vg.Length
	}{{s.Title != "", titleHeight}, {s.Subtitle != "", subtitleHeight}, {l.titled, panelTitle}} {
		if part.there {
			l.height += part.high
		}
	}
	l.height = vg.Length(math.Ceil(float64(l.height)))
	return l
}

func (l layout) draw(p *pen, s Surface) {
	p.fill(white, vg.Point{}, vg.Point{X: l.width}, vg.Point{X: l.width, Y: l.height}, vg.Point{Y: l.height})
	y := l.height - margin
	middle := l.width / 2
	if s.Title != "" {
		p.text(p.faces.title, ink, vg.Point{X: middle, Y: y - 11}, 0.5, p.faces.title.cut(report.Clean(s.Title), l.width-2*margin))
		y -= titleHeight
	}
	if s.Subtitle != "" {
		p.text(p.faces.label, faint, vg.Point{X: middle, Y: y - 8}, 0.5, p.faces.label.cut(report.Clean(s.Subtitle), l.width-2*margin))
	}
	g := newGrid(s.Value, s.Low, s.High)
	levels := levelsOf(g, s.Least)
	style := 0
	for i, panel := range s.Panels {
		r := l.panels[i]
		if panel.Title != "" {
			width := r.Max.X - r.Min.X + axisLeft
			p.text(p.faces.label, ink, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: r.Max.Y + 7}, 0.5, p.faces.label.cut(report.Clean(panel.Title), width))
		}
		m := chart{pen: p, frame: r, low: s.Low, high: s.High}
		m.contours(g, levels)
		m.paths(panel.Paths, style)
		style += len(panel.Paths)
		m.axes(i == 0)
		m.marks(s.Minima, panel.Paths)
	}
	y = margin + vg.Length(len(l.legend))*legendHeight
	for _, row := range l.legend {
		y -= legendHeight
		row.draw(p, vg.Point{X: middle, Y: y + 4})
	}
}
