package report

import (
	"errors"
	"io"
	"iter"
	"math"

	"github.com/descent-go/descent/run"
)

// A run from its folder: what Terminal said at its start, the evaluations, the curves, the layers, and how it ended.

// Shown is what Show shows.
type Shown struct {
	Events iter.Seq2[run.Event, error]
	Layers []Layer // nil: no table of layers
	// Curves draws curves over epochs, at most width columns wide, in lines; plot.Curves of report/plot is one. Nil: none are drawn.
	Curves func(title string, c []Curve, width int, color bool) string
}

// Layer is a row of the table of layers.
type Layer struct {
	Name, Operation string
	Shape           string // of the output of one row
	Parameters      int64
	MultiplyAdds    float64 // forward, of one row
	Bytes           int64   // of the output of one row
}

// Curve is numbers over epochs, in ascending order of X.
type Curve struct {
	Name string
	X, Y []float64
}

// Show writes the summary of a run. Where reading the events fails in the middle, what came before is shown and the error returned.
func Show(w io.Writer, shown Shown, o ...Option) error {
	c, s := newConsole(w, o), newStory()
	var failure error
	for e, err := range shown.Events {
		if err != nil {
			failure = errors.Join(failure, err)
			continue
		}
		s.take(e)
	}
	if s.last.Type == "" {
		c.print("no events yet")
		return failure
	}
	if s.start.Type != "" {
		c.print(header(c, s)...)
	}
	if len(s.evaluations) > 0 {
		c.print(evaluationLines(c, s)...)
	}
	if shown.Curves != nil {
		width := c.size()
		if width <= 0 {
			width = 80
		}
		for _, set := range s.curves() {
			if text := shown.Curves(set.title, set.curves, min(width-1, 100), c.color); text != "" {
				c.print("", text)
			}
		}
	}
	if len(shown.Layers) > 0 {
		c.print("")
		c.print(LayerTable(shown.Layers).lines(c)...)
	}
	for i, message := range s.warnings {
		if i == 0 {
			c.print("")
		}
		c.print(c.warning(message)...)
	}
	if s.end.Type == "" {
		c.print("", c.paint(bold, "Not over")+": at epoch "+epochText(s.last.Epoch)+", step "+Count(s.last.Step)+"; it is going on, or its process was killed")
		c.print(next(c, [2]string{"descent resume " + s.folder(), "go on from the last checkpoint, if nothing runs there"})...)
	} else {
		c.print(ending(c, s, true)...)
	}
	return failure
}

// evaluationLines is the table of evaluations: all while there are few, else landmarks, the best and the last.
func evaluationLines(c *console, s *story) []string {
	columns := columnsOf(s, s.evaluations[0], false, c.size())
	lines := []string{"", "  " + c.paint(dim, headLine(columns))}
	for i, v := range s.evaluations {
		if landmark(i+1) || i == s.best || i == len(s.evaluations)-1 {
			// Which one was the best is known now; which ones had been so far does not matter any more.
			v.best = i == s.best
			lines = append(lines, "  "+c.rowLine(columns, v, 0))
		}
	}
	return lines
}

type curveSet struct {
	title  string
	curves []Curve
}

// curves are the loss on both parts, and the metric that the task is judged by.
func (s *story) curves() []curveSet {
	train := Curve{Name: "train"}
	for _, p := range s.curve {
		train.X, train.Y = append(train.X, p.x), append(train.Y, p.y)
	}
	pick := func(name, key string) Curve {
		c := Curve{Name: name}
		for _, v := range s.evaluations {
			if y, ok := v.values[key]; ok {
				c.X, c.Y = append(c.X, v.epoch), append(c.Y, y)
			}
		}
		return c
	}
	var sets []curveSet
	add := func(title string, curves ...Curve) {
		var drawn []Curve
		for _, c := range curves {
			if len(c.X) > 1 {
				drawn = append(drawn, c)
			}
		}
		if len(drawn) > 0 {
			sets = append(sets, curveSet{title, drawn})
		}
	}
	add("loss", train, pick("validation", "val/loss"))
	add(metricName(s.score()), pick("validation", "val/"+s.score()))
	return sets
}

// LayerTable is the table of layers with its totals.
func LayerTable(layers []Layer) Table {
	t := Table{Columns: []Column{{"layer", false}, {"operation", false}, {"output", false}, {"parameters", true}, {"multiply-adds", true}, {"bytes", true}}}
	var sum Layer
	for _, l := range layers {
		t.Rows = append(t.Rows, []string{l.Name, l.Operation, l.Shape, dash(float64(l.Parameters), Count(l.Parameters)),
			dash(l.MultiplyAdds, Rate(l.MultiplyAdds)), dash(float64(l.Bytes), Bytes(float64(l.Bytes)))})
		sum.Parameters += l.Parameters
		sum.MultiplyAdds += l.MultiplyAdds
		sum.Bytes += l.Bytes
	}
	t.Total = []string{"total, one row", "", "", Count(sum.Parameters), Rate(sum.MultiplyAdds), Bytes(float64(sum.Bytes))}
	return t
}

func dash(v float64, s string) string {
	if v == 0 || math.IsNaN(v) {
		return "-"
	}
	return s
}
