package plot

// A chart: a frame with axes, in which lines of equal value, paths and marks are drawn.

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

type chart struct {
	*pen
	frame     vg.Rectangle
	low, high [2]float64
}

// place is where a point of the function's plane lies on the page.
func (c chart) place(x [2]float64) vg.Point {
	share := func(i int) vg.Length { return vg.Length((x[i] - c.low[i]) / (c.high[i] - c.low[i])) }
	return vg.Point{X: c.frame.Min.X + share(0)*(c.frame.Max.X-c.frame.Min.X), Y: c.frame.Min.Y + share(1)*(c.frame.Max.Y-c.frame.Min.Y)}
}

// contours draws the lines of equal value, low ones darker.
func (c chart) contours(g *grid, levels []float64) {
	const light, dark = 0xdc, 0xa8
	for i, level := range levels {
		shade := uint8(light)
		if len(levels) > 1 {
			shade = uint8(dark + (light-dark)*i/(len(levels)-1))
		}
		for _, points := range g.trace(level) {
			line := make([]vg.Point, len(points))
			for j, x := range points {
				line[j] = c.place(x)
			}
			c.line(color.RGBA{shade, shade, shade, 0xff}, 0.5, nil, simplified(line, 0.08))
		}
	}
}

const (
	dotRadius vg.Length = 1.7
	dotGap    vg.Length = 4.5 // dots closer than that are left out
)

// paths draws paths in styles that count from first, with a dot for each step, as far as they are seen. All have a white rim, which parts them from
// the lines below; the shortest lies on top, since a longer one would hide it where they go the same way.
func (c chart) paths(paths []Path, first int) {
	type drawn struct {
		style  int
		points []vg.Point
		parts  [][]vg.Point
		length float64
	}
	canvas := draw.Canvas{Canvas: c.Canvas, Rectangle: c.frame}
	var list []drawn
	for i, path := range paths {
		d := drawn{style: first + i}
		for _, x := range c.near(path.Points) {
			d.points = append(d.points, c.place(x))
		}
		d.parts = canvas.ClipLinesXY(simplified(d.points, 0.05))
		for _, part := range d.parts {
			c.rim(part)
			for k := range len(part) - 1 {
				d.length += math.Hypot(float64(part[k+1].X-part[k].X), float64(part[k+1].Y-part[k].Y))
			}
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b drawn) int { return cmp.Compare(b.length, a.length) })
	for _, d := range list {
		for _, part := range d.parts {
			c.walk(d.style, part)
		}
		var last vg.Point
		for i, x := range d.points {
			if !canvas.Contains(x) || i > 0 && math.Hypot(float64(x.X-last.X), float64(x.Y-last.Y)) < float64(dotGap) {
				continue
			}
			c.dot(colors[d.style%len(colors)], x, dotRadius)
			last = x
		}
	}
}

// near is the beginning of a path, up to where it stops being finite or is too far off for arithmetic on a page.
func (c chart) near(points [][]float64) [][2]float64 {
	const far = 100 // frames
	var list [][2]float64
	for i, x := range points {
		at := [2]float64{x[0], x[1]}
		away := 0.0 // in frames
		for k := range 2 {
			away = max(away, math.Abs(x[k]-(c.low[k]+c.high[k])/2)/(c.high[k]-c.low[k]))
		}
		if away <= far { // not NaN
			list = append(list, at)
			continue
		}
		if i > 0 && !math.IsNaN(away) && !math.IsInf(away, 1) {
			before := list[len(list)-1]
			for k := range 2 {
				at[k] = before[k] + (at[k]-before[k])*(far/away)
			}
			list = append(list, at)
		}
		break
	}
	return list
}

// marks draws the minima and the starts, over everything else.
func (c chart) marks(minima [][]float64, paths []Path) {
	seen := func(x []float64) bool {
		return x[0] >= c.low[0] && x[0] <= c.high[0] && x[1] >= c.low[1] && x[1] <= c.high[1]
	}
	for _, x := range minima {
		if seen(x) {
			c.mark(minimumMark, c.place([2]float64{x[0], x[1]}))
		}
	}
	for _, p := range paths {
		if len(p.Points) > 0 && seen(p.Points[0]) {
			c.mark(startMark, c.place([2]float64{p.Points[0][0], p.Points[0][1]}))
		}
	}
}

// axes draws the frame with numbers at round places. The name of the second axis stands at the first chart only.
func (c chart) axes(first bool) {
	r := c.frame
	const tick vg.Length = 3
	ticks := func(i int) []float64 {
		// Numbers below each other need less room than numbers side by side.
		return rounds(c.low[i], c.high[i], 5-i)
	}
	for _, v := range ticks(0) {
		at := vg.Point{X: c.place([2]float64{v, c.low[1]}).X, Y: r.Min.Y}
		c.line(frame, 0.6, nil, []vg.Point{at, {X: at.X, Y: at.Y - tick}})
		c.text(c.faces.small, faint, vg.Point{X: at.X, Y: at.Y - tick - 8.5}, 0.5, number(v))
	}
	for _, v := range ticks(1) {
		at := vg.Point{X: r.Min.X, Y: c.place([2]float64{c.low[0], v}).Y}
		c.line(frame, 0.6, nil, []vg.Point{at, {X: at.X - tick, Y: at.Y}})
		c.text(c.faces.small, faint, vg.Point{X: at.X - tick - 2.5, Y: at.Y - 3}, 1, number(v))
	}
	c.line(frame, 0.6, nil, []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min})
	c.text(c.faces.label, ink, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: r.Min.Y - 22}, 0.5, "x")
	if first {
		c.text(c.faces.label, ink, vg.Point{X: r.Min.X - axisLeft + 2, Y: (r.Min.Y+r.Max.Y)/2 - 3}, 0, "y")
	}
}

// rounds are the multiples of 1, 2 or 5 times a power of ten between two numbers, about n of them.
func rounds(low, high float64, n int) []float64 {
	raw := (high - low) / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw {
			step = m * power
			break
		}
	}
	var list []float64
	first := math.Ceil(low/step - 1e-9)
	for i := range 2*n + 2 {
		v := (first + float64(i)) * step
		if v > high+1e-9*step {
			break
		}
		list = append(list, v)
	}
	return list
}

// number writes a number at an axis, with a minus sign as long as a digit.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', 6, 64)
	if s == "-0" {
		s = "0"
	}
	return strings.Replace(s, "-", "\u2212", 1)
}
