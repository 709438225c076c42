package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/descent-go/descent/run"
)

// The live line: where the run is, how it does, how fast it is, how long it will take. Its parts keep their width once they have it, so that
// nothing jumps; where the terminal is narrow the less important ones go first.

// part of the live line; the greater rank goes first. The bar takes what the others leave.
type part struct {
	name, text string
	rank       int
}

func (t *terminal) liveLine(e run.Event) string {
	parts := []part{{"epoch", t.place(e), 0}}
	share := t.share(e)
	if share >= 0 {
		parts = append(parts, part{"bar", "", 6})
	}
	parts = append(parts, part{"step", "step " + Count(e.Step), 5})
	parts = append(parts, part{"loss", "loss " + Number(t.smooth), 1})
	if val := t.lastScore(); val != "" {
		parts = append(parts, part{"val", val, 2})
	}
	if t.speed > 0 {
		unit := " samples/s"
		if columns := t.size(); columns > 0 && columns < roomy {
			unit = "/s"
		}
		parts = append(parts, part{"speed", Rate(t.speed) + unit, 4})
	}
	if share >= 0 {
		parts = append(parts, part{"left", pad(t.left(e), len("59 min left"), false), 3})
	}
	return t.fit(parts, share)
}

// roomy is the width from which words need not be short.
const roomy = 90

// place is "epoch 3/30": the epoch that is going on, counted from 1.
func (t *terminal) place(e run.Event) string {
	now := math.Floor(e.Epoch+1e-9) + 1
	if math.Abs(e.Epoch-math.Round(e.Epoch)) < 1e-9 && e.Step > 0 {
		now = math.Round(e.Epoch) // its last step
	}
	if t.epochs <= 0 {
		return fmt.Sprintf("epoch %.0f", now)
	}
	of := fmt.Sprintf("%.0f", math.Ceil(t.epochs))
	return "epoch " + pad(fmt.Sprintf("%.0f", now), len(of), true) + "/" + of
}

// share is how much of the run is done, -1 where its end is not known.
func (t *terminal) share(e run.Event) float64 {
	switch {
	case t.steps > 0:
		return min(1, float64(e.Step)/t.steps)
	case t.epochs > 0:
		return min(1, max(0, e.Epoch)/t.epochs)
	}
	return -1
}

// lastScore is the metric of the last evaluation; before the first one a dash keeps its place.
func (t *terminal) lastScore() string {
	n := len(t.evaluations)
	if n == 0 {
		if !t.validation || t.task == "" {
			return ""
		}
		return "val -"
	}
	for _, key := range []string{"val/" + t.score(), "val/loss"} {
		if v, ok := t.evaluations[n-1].values[key]; ok {
			if key == "val/accuracy" { // the percent sign says what it is
				return "val " + Percent(v)
			}
			return "val " + metricName(key) + " " + metricValue(key, v)
		}
	}
	return ""
}

// left is the time that the rest takes at the pace of this process so far, evaluations included; "" while that is not known.
func (t *terminal) left(e run.Event) string {
	passed := e.Time.Sub(t.first.Time)
	done, before := t.share(e), t.share(t.first)
	if done <= before || passed < time.Second {
		return ""
	}
	rest := passed.Seconds() * (1 - done) / (done - before)
	switch {
	case rest < 59.5:
		return fmt.Sprintf("%.0f s left", rest)
	case rest < 3570:
		return fmt.Sprintf("%.0f min left", rest/60)
	}
	return seconds(rest) + " left"
}

// bar draws a share from 0 to 1 with width cells.
func bar(share float64, width int) string {
	full := int(share * float64(width))
	return strings.Repeat("━", full) + strings.Repeat("─", width-full)
}

// The bar is between these many cells wide.
const shortBar, longBar = 8, 24

// fit joins the parts that the terminal has room for.
func (t *terminal) fit(parts []part, share float64) string {
	if t.widths == nil {
		t.widths = map[string]int{}
	}
	columns := t.size()
	for drop := 7; ; drop-- {
		var texts []string
		width, at := 1, -1 // the line is two cells in from the left, and does not touch the right edge
		for _, p := range parts {
			if p.rank >= drop {
				continue
			}
			if p.name == "bar" {
				at = len(texts)
				texts = append(texts, "")
				width += 2
				continue
			}
			t.widths[p.name] = max(t.widths[p.name], cells(p.text))
			texts = append(texts, pad(p.text, t.widths[p.name], false))
			width += 2 + t.widths[p.name]
		}
		room := longBar
		if columns > 0 {
			room = min(room, columns-width)
		}
		switch {
		case at >= 0 && room < shortBar, at < 0 && room < 0 && drop > 1:
			continue
		case at >= 0:
			texts[at] = bar(share, room)
		}
		return "  " + strings.TrimRight(strings.Join(texts, "  "), " ")
	}
}
