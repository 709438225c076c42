// Package plot draws: learning curves with characters, and functions of two variables with the paths of optimizers as SVG and PNG. It is apart
// from report so that only programs that draw need the modules for it.
package plot

import (
	"math"
	"strings"

	"github.com/guptarohit/asciigraph"

	"github.com/descent-go/descent/report"
)

// height of a drawing in lines, axes not counted.
const height = 10

// Curves draws up to four curves over a common axis of epochs, at most width columns wide. It is what [report.Shown] asks for. Where a curve has no finite numbers it is left out, and the result is "" where that leaves none.
func Curves(title string, curves []report.Curve, width int, color bool) string {
	low, high := math.Inf(1), math.Inf(-1)
	bottom, top := math.Inf(1), math.Inf(-1)
	var drawn []report.Curve
	for _, c := range curves {
		c = finite(c)
		if len(c.X) == 0 || len(drawn) == len(marks) {
			continue
		}
		drawn = append(drawn, c)
		low, high = min(low, c.X[0]), max(high, c.X[len(c.X)-1])
		for _, y := range c.Y {
			bottom, top = min(bottom, y), max(top, y)
		}
	}
	if len(drawn) == 0 {
		return ""
	}
	// Curves of one run have one axis: it starts at 0, where the run does.
	if low > 0 && low <= high/5 {
		low = 0
	}
	if high <= low {
		high = low + 1
	}
	var series [][]float64
	var colors []asciigraph.AnsiColor
	var chars []asciigraph.CharSet
	var legend []string
	for i, c := range drawn {
		colors = append(colors, marks[i].color)
		set := asciigraph.DefaultCharSet
		if i > 0 && !color {
			set = asciigraph.CreateCharSet(marks[i].char)
		}
		chars = append(chars, set)
		mark := marks[i].char
		if i == 0 || color {
			mark = "─"
		}
		name := report.Clean(c.Name)
		if color {
			mark = marks[i].color.String() + mark + asciigraph.Default.String()
		}
		legend = append(legend, mark+" "+name)
	}
	if top <= bottom {
		// A line without height is drawn in the middle.
		bottom, top = bottom-math.Abs(bottom)/10-1e-9, top+math.Abs(top)/10+1e-9
	}
	labels := 0
	for i := range height + 1 {
		labels = max(labels, len(report.Number(bottom+(top-bottom)*float64(i)/height)))
	}
	columns := max(16, width-labels-len("   ┼ "))
	for _, c := range drawn {
		series = append(series, resample(c, low, high, columns))
	}
	o := []asciigraph.Option{
		asciigraph.Height(height), asciigraph.LowerBound(bottom), asciigraph.UpperBound(top), asciigraph.SeriesChars(chars...),
		asciigraph.YAxisValueFormatter(report.Number),
		asciigraph.XAxisRange(low, high), asciigraph.XAxisTickCount(5), asciigraph.XAxisValueFormatter(tick),
	}
	if color {
		o = append(o, asciigraph.SeriesColors(colors...))
	}
	text := asciigraph.PlotMany(series, o...)
	lines := []string{"  " + report.Clean(title) + " over epochs    " + strings.Join(legend, "   ")}
	for _, l := range strings.Split(text, "\n") {
		lines = append(lines, strings.TrimRight("  "+l, " "))
	}
	return strings.Join(lines, "\n")
}

// marks tell curves apart, by color or by character.
var marks = [...]struct {
	char  string
	color asciigraph.AnsiColor
}{{"─", asciigraph.Blue}, {"•", asciigraph.Goldenrod}, {"+", asciigraph.Green}, {"x", asciigraph.Red}}

func tick(v float64) string {
	if math.Abs(v-math.Round(v)) < 1e-9 {
		return report.Count(int64(math.Round(v)))
	}
	return strings.TrimRight(report.Number(v), "0")
}

// finite is c without points that have no place, or one so far off that nothing else would be seen.
func finite(c report.Curve) report.Curve {
	f := report.Curve{Name: c.Name}
	for i := range min(len(c.X), len(c.Y)) {
		if x, y := c.X[i], c.Y[i]; !math.IsNaN(x-x) && math.Abs(y) < 1e100 {
			f.X, f.Y = append(f.X, x), append(f.Y, y)
		}
	}
	return f
}

// resample gives a curve a number for each of n columns from low to high: the mean of the points that fall into the column, on the straight
// line between neighbors where none does, NaN before the first point and after the last.
func resample(c report.Curve, low, high float64, n int) []float64 {
	sums, counts := make([]float64, n), make([]int, n)
	column := func(x float64) int { return min(n-1, max(0, int((x-low)/(high-low)*float64(n-1)+0.5))) }
	for i, x := range c.X {
		sums[column(x)] += c.Y[i]
		counts[column(x)]++
	}
	out := make([]float64, n)
	before := -1
	for i := range out {
		out[i] = math.NaN()
		if counts[i] == 0 {
			continue
		}
		out[i] = sums[i] / float64(counts[i])
		for j := before + 1; before >= 0 && j < i; j++ {
			share := float64(j-before) / float64(i-before)
			out[j] = out[before]*(1-share) + out[i]*share
		}
		before = i
	}
	return out
}
