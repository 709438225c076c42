package main

// The runs of a folder as a table, and as lines of JSON.

import (
	"fmt"
	"strings"
	"time"

	"github.com/descent-go/descent/internal/stats"
	"github.com/descent-go/descent/report"
)

func (p *program) runTable(root string, groups []runGroup) error {
	if len(groups) == 0 {
		return p.print(fmt.Sprintf("there are no runs in %s; runs are made by: descent train DATA\n", report.Clean(root)))
	}
	t := report.Table{Columns: []report.Column{{Name: "run"}, {Name: "data"}, {Name: "model"}, {Name: "optimizer"}, {Name: "epochs", Right: true},
		{Name: "best", Right: true}, {Name: "test", Right: true}, {Name: "time", Right: true}, {Name: "state"}}}
	var reasons []string
	for _, g := range groups {
		indent := ""
		if g.name != "" {
			indent = "  "
			t.Rows = append(t.Rows, g.row())
		}
		for _, r := range g.runs {
			row := r.row()
			row[0] = indent + row[0]
			t.Rows = append(t.Rows, row)
			if r.reason != "" && r.state != stateStopped {
				reasons = append(reasons, fmt.Sprintf("  %s: %s", report.Clean(r.dir), report.Clean(r.reason)))
			}
		}
	}
	if err := t.Text(p.stdout); err != nil {
		return err
	}
	if reasons != nil {
		return p.print("\n" + strings.Join(reasons, "\n") + "\n")
	}
	return nil
}

// row is the folder of several runs: how many and, where they are the same training with several seeds, the mean of what they reached.
func (g runGroup) row() []string {
	var scores []float64
	var first runLine
	total, alike := 0.0, true
	for _, r := range g.runs {
		if total += r.seconds; r.score == nil {
			continue
		}
		if scores = append(scores, *r.score); len(scores) == 1 {
			first = r
		}
		alike = alike && r.data == first.data && r.model == first.model && r.optimizer == first.optimizer && r.metric == first.metric && r.part == first.part
	}
	row := []string{g.name, "", report.Count(len(g.runs)) + " runs", "", "", "", "", duration(total), ""}
	if len(scores) > 1 && alike {
		mean := stats.Mean(scores, 0.95).Mean
		row[5], row[6] = "mean", score(first.metric, &mean)
	}
	return row
}

func (r runLine) row() []string {
	if r.data == "" {
		return []string{r.name, "", "", "", "", "", "", "", r.state}
	}
	epochs := shortNumber(r.epochs)
	if r.planned > 0 {
		epochs += "/" + shortNumber(r.planned)
	}
	test := score(r.metric, r.score)
	if r.score != nil && r.part != "test" {
		test += " (" + r.part + ")"
	}
	return []string{r.name, ended30(r.data), begun30(r.model), begun30(r.optimizer), epochs, score(r.metric, r.best), test, duration(r.seconds), r.state}
}

func duration(s float64) string {
	if s == 0 {
		return ""
	}
	return report.Duration(seconds(s))
}

func score(metric string, v *float64) string {
	switch {
	case v == nil:
		return ""
	case metric == "accuracy":
		return report.Percent(*v)
	}
	return "R2 " + report.Number(*v)
}

func shortNumber(x float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0")
}

// begun30 and ended30 are texts of at most 30 letters: their beginning, or, of a path, their end.
func begun30(s string) string {
	if r := []rune(s); len(r) > 30 {
		return string(r[:29]) + "…"
	}
	return s
}

func ended30(s string) string {
	if r := []rune(s); len(r) > 30 {
		return "…" + string(r[len(r)-29:])
	}
	return s
}

func (r runLine) json(g runGroup) map[string]any {
	o := map[string]any{"name": r.name, "dir": r.dir, "state": r.state}
	if g.name != "" {
		o["group"] = g.name
	}
	if r.reason != "" {
		o["reason"] = r.reason
	}
	if r.data == "" {
		return o
	}
	o["data"], o["model"], o["optimizer"] = r.data, r.model, r.optimizer
	o["time"], o["step"], o["epoch"], o["seconds"] = r.began.Format(time.RFC3339Nano), r.step, r.epochs, r.seconds
	if r.planned > 0 {
		o["epochs"] = r.planned
	}
	if r.best != nil {
		o["val/"+r.metric] = *r.best
	}
	if r.score != nil {
		o["part"], o[r.metric] = r.part, *r.score
	}
	return o
}
