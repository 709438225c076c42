package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/descent-go/descent/run"
)

// What stands below a run that is over: how well it does against what needs no model, where it fails, when it was best, what to do next.

// doneReasons says why a run ended where that is not plain from its length.
var doneReasons = map[string]string{
	"time":  "the time is over",
	"until": "the goal is reached",
	"early": "validation got no better for a while",
}

func done(c *console, s *story, shown bool) []string {
	e := s.end
	length := plural(int(e.Step), "step")
	if e.Epoch > 0 {
		length = countOf(math.Round(e.Epoch*100)/100, "epoch") + ", " + length
	}
	if v, ok := e.Number("seconds"); ok {
		length += ", " + seconds(v)
	}
	if v, ok := e.Number("samples_per_second"); ok && v > 0 {
		length += " (" + Rate(v) + " samples/s)"
	}
	title := c.paint(bold, "Done") + " after " + length
	if why, ok := doneReasons[text(e, "reason")]; ok {
		title += ": " + why
	}
	lines := []string{"", title, ""}
	add := func(label, value string) { lines = append(lines, c.field(label, value)...) }

	what := sentence(Clean(text(s.start, "model")), Clean(text(s.start, "optimizer")), Clean(text(s.start, "data")))
	if what != "" {
		add("trained", what)
	}
	part := firstOf(text(e, "part"), "test")
	lines = append(lines, quality(c, s, Clean(part))...)
	lines = append(lines, bestOf(c, s)...)
	model := text(e, "model")
	switch {
	case s.dir != "" && model != "":
		add("run folder", Clean(s.dir)+", the model in it is "+Clean(model))
	case s.dir != "":
		add("run folder", Clean(s.dir))
	case model != "":
		add("model", Clean(model))
	}

	more := "N"
	if s.epochs > 0 {
		more = fmt.Sprintf("%.0f", 2*math.Ceil(s.epochs))
	}
	commands := [][2]string{
		{"descent show " + s.folder(), "this summary with curves and layers"},
		{"descent predict " + s.folder() + " FILE", "answers for new rows"},
		{"descent resume " + s.folder() + " --epochs " + more, "train longer"},
	}
	if shown {
		commands = commands[1:]
	}
	return append(lines, next(c, commands...)...)
}

// quality says how well the model does on a part of the data, against what needs no model.
func quality(c *console, s *story, part string) []string {
	e := s.end
	var lines []string
	add := func(label, value string) { lines = append(lines, c.field(label, value)...) }
	if v, ok := e.Number("accuracy"); ok {
		value := Percent(v) + " on " + part
		low, high := number(e, "accuracy_low", math.NaN()), number(e, "accuracy_high", math.NaN())
		if low <= high {
			value += " (95 % interval " + PercentRange(low, high) + ")"
		}
		majority := number(e, "majority", number(s.start, "majority", math.NaN()))
		if majority == majority {
			add("accuracy", value+",")
			add("", "always guessing the largest class would give "+Percent(majority))
		} else {
			add("accuracy", value)
		}
		if low <= majority {
			lines = append(lines, c.colored(yellow, "", "that is not clearly better than guessing")...)
		}
	}
	// Where classes are about as large as each other it says nothing new.
	if v, ok := e.Number("balanced_accuracy"); ok && math.Abs(v-number(e, "accuracy", v+1)) > 0.005 {
		add("balanced", Percent(v)+", the mean over classes")
	}
	if v, ok := e.Number("r2"); ok {
		add("R2", Number(v)+" on "+part+", always guessing the mean would give 0")
		if v <= 0 {
			lines = append(lines, c.colored(yellow, "", "that is not better than guessing")...)
		}
	}
	if v, ok := e.Number("mae"); ok {
		value := Number(v) + " mean absolute"
		if v, ok := e.Number("rmse"); ok {
			value += ", " + Number(v) + " root mean square"
		}
		add("error", value)
	}
	if v, ok := e.Number("loss"); ok {
		add("loss", Number(v)+" on "+part)
	}
	if worst := hardest(e); worst != "" {
		add("worst classes", worst)
	}
	if most := confused(e, s.start); most != "" {
		add("most confused", most)
	}
	return lines
}

// hardest names the classes with the lowest recall, where there is one that is not perfect.
func hardest(e run.Event) string {
	type class struct {
		name   string
		recall float64
		rows   int
	}
	var classes []class
	for _, item := range list(e, "per_class") {
		m, _ := item.(map[string]any)
		one := run.Event{Data: m}
		recall, ok := one.Number("recall")
		rows, _ := whole(one, "rows")
		if ok && rows > 0 && recall < 1 {
			classes = append(classes, class{label(m["class"]), recall, rows})
		}
	}
	slices.SortStableFunc(classes, func(a, b class) int {
		if a.recall < b.recall {
			return -1
		}
		if a.recall > b.recall {
			return 1
		}
		return 0
	})
	var parts []string
	for _, k := range classes[:min(3, len(classes))] {
		parts = append(parts, fmt.Sprintf("%s %s of %s", quoted(k.name), Percent(k.recall), Count(k.rows)))
	}
	return sentence(parts...)
}

// label is a class name of an event.
func label(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return "?"
	default:
		return fmt.Sprint(v)
	}
}

// confused names the pair of classes that is mixed up most often.
func confused(e, start run.Event) string {
	classes := list(start, "classes")
	name := func(i int) string {
		if i < len(classes) {
			return label(classes[i])
		}
		return fmt.Sprint(i)
	}
	best, from, to, of := 0.0, 0, 0, 0.0
	for i, line := range list(e, "confusion") {
		row, _ := line.([]any)
		total := 0.0
		for _, v := range row {
			n, _ := v.(float64)
			total += n
		}
		for j, v := range row {
			if n, _ := v.(float64); i != j && n > best {
				best, from, to, of = n, i, j, total
			}
		}
	}
	if best == 0 {
		return ""
	}
	return fmt.Sprintf("%s taken for %s: %s of %s", quoted(name(from)), quoted(name(to)), Count(int(best)), plural(int(of), "row"))
}

// bestOf says when validation was best.
func bestOf(c *console, s *story) []string {
	e := s.end
	epoch, ok := e.Number("best_epoch")
	step, known := whole(e, "best_step")
	if !ok || !known {
		return nil
	}
	var values []string
	for _, key := range []string{"val/loss", "val/accuracy", "val/r2"} {
		if v, ok := e.Number(key); ok {
			values = append(values, metricName(key)+" "+metricValue(key, v))
		}
	}
	value := fmt.Sprintf("epoch %s, step %s", epochText(epoch), Count(step))
	if values != nil {
		value += ": validation " + sentence(values...)
	}
	return c.field("best", value)
}
