package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/descent-go/descent/run"
)

// What stands above a run: what is trained, on what, how, where. And above one that goes on: from where.

func header(c *console, s *story) []string {
	e := s.start
	lines := []string{c.paint(bold, "descent") + "  " + Clean(firstOf(s.name, s.dir, "a run"))}
	add := func(label, value string) {
		if value != "" {
			lines = append(lines, c.field(label, value)...)
		}
	}
	count := func(key, one string) string {
		if n, ok := whole(e, key); ok && n > 0 {
			return plural(n, one)
		}
		return ""
	}

	classes := ""
	if n := len(list(e, "classes")); n > 0 {
		classes = plural(n, "class")
	}
	add("data", sentence(Clean(text(e, "data")), count("features", "feature"), classes))
	rows := run.Event{Data: object(e, "rows")}
	var parts []string
	for _, p := range []string{"train", "validation", "test"} {
		if n, ok := whole(rows, p); ok && n > 0 {
			parts = append(parts, Count(n)+" "+p)
		}
	}
	add("rows", sentence(parts...))
	add("model", Clean(text(e, "model")))
	memory := ""
	if b := number(e, "memory", 0); b > 0 {
		memory = "about " + Bytes(b) + " of memory"
	}
	parameters := ""
	if n, ok := whole(e, "parameters"); ok {
		parameters = Count(n)
	}
	add("parameters", sentence(parameters, memory))
	add("loss", Clean(text(e, "loss")))
	add("optimizer", Clean(text(e, "optimizer")))
	add("batch", sentence(count("batch", "row"), planned(s), seed(e)))
	kernels := Clean(text(e, "kernels"))
	if kernels != "" {
		kernels += " kernels"
	}
	add("computes on", sentence(count("threads", "thread"), kernels, Clean(text(e, "precision"))))
	add("folder", Clean(s.dir))
	return lines
}

// planned is "10 epochs of 422 steps".
func planned(s *story) string {
	switch {
	case s.epochs > 0 && s.perEpoch > 0:
		return countOf(s.epochs, "epoch") + " of " + countOf(s.perEpoch, "step")
	case s.epochs > 0:
		return countOf(s.epochs, "epoch")
	case s.steps > 0:
		return countOf(s.steps, "step")
	}
	return ""
}

func countOf(n float64, one string) string {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return plural(int(n), one)
	}
	return Setting(n) + " " + one + "s"
}

func seed(e run.Event) string {
	switch v := e.Data["seed"].(type) {
	case nil:
		return ""
	case float64:
		return fmt.Sprintf("seed %.0f", v)
	default:
		return Clean(fmt.Sprintf("seed %v", v))
	}
}

func resumed(c *console, s *story) []string {
	e := s.resume
	what := fmt.Sprintf("goes on at epoch %s, step %s", epochText(e.Epoch), Count(e.Step))
	if from := text(e, "from"); from != "" {
		what += ", from " + Clean(from)
	}
	lines := []string{}
	if s.start.Type == "" {
		lines = append(lines, c.paint(bold, "descent")+"  a run "+what)
	} else {
		lines = append(lines, "", c.paint(bold, "descent")+"  "+Clean(firstOf(s.name, s.dir, "a run"))+" "+what)
	}
	if note := text(e, "note"); note != "" {
		lines = append(lines, c.warning(note)...)
	}
	return lines
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

// sentence joins the parts that are not empty.
func sentence(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
