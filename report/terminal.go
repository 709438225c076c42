// Package report shows runs in a terminal: while they train, when they end, and later from their folder. It reads events in the form that
// docs/run-folder.md describes, and knows nothing of how their numbers came about.
//
// [Terminal] is for a run that goes on. [Show] is for a run in a folder, [Seeds] for several runs with different seeds, [PredictionWriter] for
// a model's answers, [Table] for anything in rows. Curves are drawn by report/plot.
//
// Text that came from data is never given to a terminal as it is: [Clean] turns what a terminal would obey into escapes.
package report

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/descent-go/descent/run"
)

// This file is the observer of a run that goes on: what is written at which event, and when it is worth a line. In a terminal one live line
// stands below the lines that stay and is updated at most ten times a second; elsewhere only lines that stay are written, fewer the longer the
// run is. Its clock is the events' own.

// Terminal returns an observer that tells a person about a run: a header, a line for each evaluation that matters, warnings, and at the end
// what came of it and what to do next.
//
// Errors of w are ignored, and after the first one nothing more is written: a report that nobody reads must not end a training. For the same
// reason, where w is a file, the process is asked to get errors in place of the signal SIGPIPE.
func Terminal(w io.Writer, o ...Option) run.Observer {
	if _, ok := w.(*os.File); ok {
		// By default Go ends the process when a write to a closed pipe fails on standard output or standard error. Where somebody has asked for
		// the signal, the write returns an error instead.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	t := &terminal{console: newConsole(w, o), story: newStory()}
	if t.console.begun.Type == "start" {
		t.take(t.console.begun)
	}
	return t
}

type terminal struct {
	*console
	*story
	columns  []tableColumn
	pending  bool // the last evaluation got no line
	drawn    time.Time
	lined    time.Time // when the last line was written
	first    run.Event // step of this process, for the time left
	smooth   float64   // running mean of the step loss for the live line
	widths   map[string]int
	started  time.Time
	previous float64 // epoch of the step before
}

const (
	redraw = 100 * time.Millisecond // between two live lines
	quiet  = 10 * time.Second       // at least, between two progress lines where there is no terminal
)

// Observe implements run.Observer.
func (t *terminal) Observe(e run.Event) {
	t.take(e)
	if t.started.IsZero() {
		t.started, t.lined = e.Time, e.Time
	}
	switch e.Type {
	case "start":
		t.print(header(t.console, t.story)...)
	case "resume":
		t.first, t.started, t.lined = run.Event{}, e.Time, e.Time
		t.print(resumed(t.console, t.story)...)
	case "step":
		t.observeStep(e)
	case "eval":
		t.observeEval()
	case "warning":
		t.print(t.warning(text(e, "message"))...)
	case "done", "failed", "stop":
		if t.pending {
			t.row(t.evaluations[len(t.evaluations)-1])
		}
		t.wipe()
		t.print(ending(t.console, t.story, false)...)
	}
}

func (c *console) warning(message string) []string {
	if message == "" {
		return nil
	}
	lines := wrap("warning: "+Clean(message), max(0, c.size()-3))
	for i := range lines {
		lines[i] = "  " + c.paint(yellow, lines[i])
	}
	return lines
}

func (t *terminal) observeStep(e run.Event) {
	loss := number(e, "train/loss", math.NaN())
	if t.first.Type == "" {
		t.first, t.smooth = e, loss
	}
	if t.smooth += 0.2 * (loss - t.smooth); t.smooth != t.smooth {
		t.smooth = loss
	}
	// Without evaluations an epoch's end is the landmark.
	finished := math.Floor(e.Epoch + 1e-9)
	if !t.validation && len(t.evaluations) == 0 && finished > math.Floor(t.previous+1e-9) && landmark(int(finished)) {
		t.progress(e)
	}
	t.previous = e.Epoch
	switch {
	case t.live:
		if d := e.Time.Sub(t.drawn); d >= redraw || d < 0 {
			t.drawn = e.Time
			t.update(t.liveLine(e))
		}
	case e.Time.Sub(t.lined) >= max(quiet, e.Time.Sub(t.started)/20):
		t.progress(e)
	}
}

// progress is a line between evaluations.
func (t *terminal) progress(e run.Event) {
	t.row(evaluation{step: e.Step, epoch: e.Epoch, values: map[string]float64{}, seconds: t.spent})
}

func (t *terminal) observeEval() {
	t.pending = true
	if landmark(len(t.evaluations)) {
		t.row(t.evaluations[len(t.evaluations)-1])
	}
}

// landmark thins a growing list: the first 10, each 2nd up to 20, each 5th up to 50, each 10th up to 100, each 20th up to 200 and so on, so
// that the list grows with the logarithm of the run.
func landmark(i int) bool {
	unit := 1
	for limit := 10; limit <= 1e15; limit *= 10 {
		for _, f := range []int{1, 2, 5} {
			if i <= limit*f {
				return i%(unit*f) == 0
			}
		}
		unit *= 10
	}
	return false
}

// row writes a line of the table of progress, with its head the first time and where the columns have changed: evaluations came to have other
// metrics, or the terminal another width.
func (t *terminal) row(v evaluation) {
	basis := v
	if n := len(t.evaluations); n > 0 {
		basis = t.evaluations[n-1]
	}
	if columns := columnsOf(t.story, basis, true, t.size()); !slices.Equal(columns, t.columns) {
		t.columns = columns
		t.print("", "  "+t.paint(dim, headLine(t.columns)))
	}
	if mean := t.trainLoss(); mean == mean {
		if _, ok := v.values["train/loss"]; !ok {
			v.values["train/loss"] = mean
		}
	}
	t.print("  " + t.rowLine(t.columns, v, t.speed))
	t.pending = false
	t.lined = t.last.Time
}

// tableColumn is a column of the table of progress.
type tableColumn struct {
	name, key string
	width     int
}

// columnsOf are the columns that a run's evaluations have: the task's own metrics, then others by name as far as they fit a line. A terminal of
// 80 columns takes those of a usual run; in a narrower one the less important ones are left out.
func columnsOf(s *story, v evaluation, speed bool, width int) []tableColumn {
	keys := []string{"train/loss"}
	known := []string{"val/loss", "val/" + s.score()}
	if s.task == "regression" {
		known = append(known, "val/mae")
	}
	for _, key := range known {
		if _, ok := v.values[key]; ok || s.validation && s.task != "" {
			keys = append(keys, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.values)) {
		if strings.HasPrefix(key, "val/") && !slices.Contains(keys, key) && len(keys) < 5 {
			keys = append(keys, key)
		}
	}
	columns := []tableColumn{{"epoch", "epoch", 5}, {"step", "step", max(7, len(Count(uint64(max(0, s.steps)))))}}
	for _, key := range keys {
		name := metricName(key)
		switch key {
		case "train/loss":
			name = "train loss"
		case "val/loss":
			name = "val loss"
		}
		columns = append(columns, tableColumn{cut(name, 20), key, max(9, min(20, cells(name)))})
	}
	if speed {
		columns = append(columns, tableColumn{"samples/s", "speed", 9})
	}
	columns = append(columns, tableColumn{"time", "time", 8})
	for _, key := range []string{"speed", "time", "step", "val/mae", "train/loss"} {
		if width > 0 && cells(headLine(columns))+len("  ")+len("  best") > width-1 {
			columns = slices.DeleteFunc(columns, func(c tableColumn) bool { return c.key == key })
		}
	}
	return columns
}

func headLine(columns []tableColumn) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(pad(c.name, c.width, true))
	}
	return b.String()
}

func (c *console) rowLine(columns []tableColumn, v evaluation, speed float64) string {
	var b strings.Builder
	for i, column := range columns {
		s := "-"
		switch column.key {
		case "epoch":
			s = epochText(v.epoch)
		case "step":
			s = Count(v.step)
		case "speed":
			if speed > 0 {
				s = Rate(speed)
			}
		case "time":
			s = clock(v.seconds)
		default:
			if x, ok := v.values[column.key]; ok {
				s = metricValue(column.key, x)
			}
		}
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(pad(s, column.width, true))
	}
	if v.best {
		b.WriteString("  " + c.paint(green, "best"))
	}
	return b.String()
}

// epochText is 3 for the end of epoch 3, 3.25 within one.
func epochText(epoch float64) string {
	if near := math.Round(epoch); math.Abs(epoch-near) < 1e-6 {
		return fmt.Sprintf("%.0f", near)
	}
	return fmt.Sprintf("%.2f", epoch)
}
