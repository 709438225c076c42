package main

// Where results go: standard output for people or, with --json, for programs. A training goes on when nobody reads any more.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"golang.org/x/term"

	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/run"
)

// print writes text to standard output.
func (p *program) print(text string) error {
	_, err := io.WriteString(p.stdout, text)
	return err
}

// printJSON writes one object as one line. Numbers that are not finite become text, as in events.
func (p *program) printJSON(v map[string]any) error {
	line, err := json.Marshal(finite(v))
	if err != nil {
		return err
	}
	return p.print(string(line) + "\n")
}

// finite replaces numbers that JSON lacks.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	case map[string]any:
		m := maps.Clone(v)
		for key := range m {
			m[key] = finite(m[key])
		}
		return m
	case []any:
		list := slices.Clone(v)
		for i := range list {
			list[i] = finite(list[i])
		}
		return list
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = finite(v[i])
		}
		return list
	}
	return v
}

// width is the columns of help texts: those of the terminal, within what reads well.
func (p *program) width() int {
	const usual, most = 80, 100
	if columns, _, err := term.GetSize(int(p.stdout.Fd())); err == nil && columns > 0 {
		return min(max(columns, 40), most)
	}
	return usual
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// outputFlags say how a training is told of.
type outputFlags struct{ json, quiet bool }

// observers are those of a training, with a watch on how it ends.
func (p *program) observers(o outputFlags, options ...report.Option) (*ending, []run.Observer) {
	end := &ending{signals: p.signals}
	switch {
	case o.json:
		ignoreBrokenPipe()
		return end, []run.Observer{end, &jsonLines{w: p.stdout, last: o.quiet}}
	case o.quiet:
		ignoreBrokenPipe()
		return end, []run.Observer{end}
	}
	end.told = isTerminal(p.stdout)
	return end, []run.Observer{end, report.Terminal(p.stdout, options...)}
}

// ending observes that a training begins, and how it ends.
type ending struct {
	signals *signals
	last    run.Event
	told    bool // the report on the terminal says how it ended
}

// Observe implements run.Observer.
func (e *ending) Observe(event run.Event) {
	switch event.Type {
	case "start", "resume":
		e.signals.training.Store(true)
	}
	e.last = event
}

// jsonLines writes events as they stand in events.jsonl. Errors are ignored: nobody reads, and the training goes on.
type jsonLines struct {
	w      io.Writer
	seed   *uint64 // of one run among several: a key of every line
	last   bool    // only the events that end a run
	broken bool
}

// Observe implements run.Observer.
func (j *jsonLines) Observe(e run.Event) {
	if j.broken || j.last && e.Type != "done" && e.Type != "failed" && e.Type != "stop" {
		return
	}
	if j.seed != nil {
		e.Data = maps.Clone(e.Data)
		if e.Data == nil {
			e.Data = map[string]any{}
		}
		e.Data["seed"] = *j.seed
	}
	line, err := e.MarshalJSON()
	if err == nil {
		_, err = j.w.Write(append(line, '\n'))
	}
	j.broken = err != nil
}

// conclude says at the end of a training what has not been said: the result in one line where that is all that is wanted, how to go on after
// a signal. It returns the error that decides the exit status.
func (p *program) conclude(o outputFlags, end *ending, dir string, err error) error {
	p.signals.training.Store(false)
	var stop *stopSignal
	switch {
	case errors.As(err, &stop) && end.last.Type == "stop" && (o.json || o.quiet):
		fmt.Fprintf(p.stderr, "descent: stopped by %s at step %d; go on with: descent resume %s\n", stop.name, end.last.Step, shellWord(dir))
	case err != nil && end.last.Type == "failed" && end.told:
		return toldError{err}
	case err == nil && o.quiet && !o.json:
		// Nobody may read any more; that is no reason to fail.
		_ = p.print(resultLine(end.last) + "\n")
	}
	return err
}

// resultLine is a finished run in one line.
func resultLine(done run.Event) string {
	get := func(key string) float64 { v, _ := done.Number(key); return v }
	part, _ := done.Text("part")
	dir, _ := done.Text("dir")
	text := ""
	if v, ok := done.Number("accuracy"); ok {
		text = fmt.Sprintf("accuracy %s on %s (95 %% interval %s)", report.Percent(v), report.Clean(part), report.PercentRange(get("accuracy_low"), get("accuracy_high")))
	} else {
		text = fmt.Sprintf("R2 %s on %s", report.Number(get("r2")), report.Clean(part))
	}
	return fmt.Sprintf("%s, loss %s, %s: %s", text, report.Number(get("loss")), report.Duration(seconds(get("seconds"))), report.Clean(dir))
}
