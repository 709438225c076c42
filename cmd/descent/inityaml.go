package main

// The text of the file that descent init writes. Keys, defaults and what they are come from the structs; only their order, what is set and what
// is left in comments is decided here.

import (
	"fmt"
	"strings"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/train"
)

// yamlWidth is the width of comments.
const yamlWidth = 100

// yamlWriter writes keys with their comments.
type yamlWriter struct {
	b        strings.Builder
	set      *spec.Set
	help     map[string]string // by key
	defaults spec.Value
	told     map[string]bool // keys that stand in the file
}

// yaml is the whole file; file is its name, for the command line in it.
func (s *start) yaml(file string) string {
	w := yamlWriter{set: train.Registries(), help: map[string]string{}, told: map[string]bool{"data": true, "made": true}}
	for _, p := range w.set.Parameters(train.Config{}) {
		w.help[p.Key] = p.Help
	}
	w.defaults, _ = w.set.Encode(s.plan.Config) // it has been read by the same lists
	w.b.WriteString("# yaml-language-server: $schema=" + schemaFile + "\n")
	w.comment("Made by: descent init. Train with: descent train --config "+shellWord(file)+"\n"+
		"As it is, it trains as descent train does without it. Flags override what is set here; a path is looked for from where descent is called. "+
		"An editor with a language server for YAML completes and checks it once there is a schema beside it: descent schema > "+schemaFile, "")
	w.b.WriteString("\n")
	s.describe(&w)

	w.section("Data")
	w.b.WriteString("data: " + yamlText(s.content.ref) + "\n")
	w.choice("label", s.options.Label, s.content.target.Name)
	w.choice("task", s.options.Task, s.plan.Task)
	w.list("drop", s.options.Drop)
	if s.options.NoHeader {
		w.set1("no_header", "true", "")
	} else {
		w.off("no_header", "true", "")
	}
	w.off("scaling", s.content.scaling, "here "+s.content.scaling)
	if s.plan.Classes == nil {
		w.usual("raw_target", "")
	} else {
		w.told["raw_target"] = true // classes are not scaled
	}
	w.off("split", "{test: 0.2, validation: 0.1}", "")

	w.section("Network and loss")
	usual := nn.Text(s.plan.Config.Model)
	w.set1("model", usual, suggested(s.model, usual, s.why()+": no more weights than these have numbers"))
	loss := "mean_squares"
	if s.plan.Classes != nil {
		loss = "cross_entropy"
	}
	w.off("loss", loss, "")
	if s.plan.Classes != nil {
		w.off("class_weight", "balanced", "")
	} else {
		w.told["class_weight"] = true // there are no classes
	}
	w.off("from", "runs/earlier-1", "")
	w.off("frozen", "[dense1]", "")
	w.usual("sum_loss", "")
	w.usual("precision", "")

	w.section("Descent")
	w.optimizer(s)
	w.usual("batch", suggested(fmt.Sprint(s.batch), w.text("batch"), s.why()))
	for _, key := range []string{"micro", "replace", "drop_last"} {
		w.usual(key, "")
	}

	w.section("Length: the training ends at the first that is reached; 0 is no limit")
	for _, key := range []string{"epochs", "steps", "time", "early_stop"} {
		w.usual(key, "")
	}
	until := "r2=0.9"
	if s.plan.Classes != nil {
		until = "accuracy=0.97"
	}
	w.off("until", until, "")

	w.section("Run")
	w.usual("seed", "")
	w.usual("threads", "")
	w.off("kernels", "portable", "")
	w.off("evaluate", "{epochs: 1}", "")
	w.off("checkpoint", "{epochs: 5, time: 10m}", "")
	w.off("report", "10", "")
	for _, p := range w.set.Parameters(train.Config{}) { // those that have no place of their own above
		if !strings.Contains(p.Key, ".") && !w.told[p.Key] {
			w.usual(p.Key, "")
		}
	}
	return w.b.String()
}

// describe tells of the data.
func (s *start) describe(w *yamlWriter) {
	w.comment(s.summary(), "")
	rows := s.plan.Rows
	w.comment(fmt.Sprintf("%s rows for training, %s for validation, %s for test", report.Count(rows[0]), report.Count(rows[1]), report.Count(rows[2])), "")
	var names []string
	for _, f := range s.content.features {
		name := f.Name
		if f.Shape != nil {
			name += " (" + shapeText(f.Shape) + ")"
		}
		names = append(names, name)
	}
	w.comment("features: "+short(names), "")
	if s.plan.Classes != nil {
		var classes []string
		for i, name := range s.content.target.Categories {
			classes = append(classes, fmt.Sprintf("%s (%s)", name, report.Count(s.content.classes[i][0])))
		}
		w.comment("classes with their rows: "+short(classes), "")
	} else {
		w.comment(s.content.target.Name+": "+s.content.answer.text(), "")
	}
	w.comment(fmt.Sprintf("the network below has %s parameters and trains in about %s of memory", report.Count(s.plan.Parameters), report.Bytes(float64(s.plan.Memory.Total))), "")
}

func (s *start) why() string {
	return fmt.Sprintf("for %s rows of training", report.Count(s.plan.Rows[0]))
}

// suggested is a remark about a setting that may be better than the usual one.
func suggested(what, usual, why string) string {
	if what == usual {
		return ""
	}
	return "try " + what + " " + why
}

// comment writes a text as comment. What it holds of the data cannot end the line.
func (w *yamlWriter) comment(text, indent string) {
	for _, paragraph := range strings.Split(text, "\n") {
		for _, line := range wrapped(report.Clean(paragraph), yamlWidth-len(indent)) {
			w.b.WriteString(strings.TrimRight(indent+"# "+line, " ") + "\n")
		}
	}
}

func (w *yamlWriter) section(title string) {
	w.b.WriteString("\n")
	w.comment("---- "+title, "")
}

// set1 writes a key that is set.
func (w *yamlWriter) set1(key, value, more string) {
	w.about(key, more)
	w.b.WriteString(key + ": " + value + "\n")
}

// off writes a key as comment: how it would be written.
func (w *yamlWriter) off(key, value, more string) {
	w.about(key, more)
	w.b.WriteString("# " + key + ": " + value + "\n")
}

func (w *yamlWriter) about(key, more string) {
	w.told[key] = true
	help := w.help[key]
	if more != "" {
		help += "; " + more
	}
	w.b.WriteString("\n")
	w.comment(help, "")
}

// usual writes a key with its default.
func (w *yamlWriter) usual(key, more string) { w.set1(key, w.text(key), more) }

// text is a default as it is written.
func (w *yamlWriter) text(key string) string {
	v, _ := w.defaults.Get(key)
	return v.String()
}

// choice writes what was chosen, or what is found out without.
func (w *yamlWriter) choice(key, chosen, found string) {
	if chosen != "" {
		w.set1(key, yamlText(chosen), "")
		return
	}
	w.off(key, yamlText(found), "")
}

func (w *yamlWriter) list(key string, names []string) {
	if len(names) == 0 {
		w.off(key, "[column]", "")
		return
	}
	var items []string
	for _, name := range names {
		items = append(items, yamlText(name))
	}
	w.set1(key, "["+strings.Join(items, ", ")+"]", "")
}

// optimizer writes all settings of the usual optimizer, one a line.
func (w *yamlWriter) optimizer(s *start) {
	r, _ := w.set.Registry("optimizer")
	w.about("optimizer", "there are "+strings.Join(r.Names(), ", ")+"; all about one: descent optimizers NAME")
	call, _ := w.defaults.Get("optimizer")
	w.b.WriteString("optimizer:\n  " + call.Text + ":\n")
	for _, p := range w.set.Parameters(s.plan.Config.Optimizer) {
		if strings.Contains(p.Key, ".") {
			continue
		}
		line, help := "    "+p.Key+": "+p.Default, p.Help
		switch p.Key {
		case "lr":
			help += ", such as cosine(0.001) or warmup(100, cosine(0.001))"
		case "groups":
			line = "    # groups: [{roles: [output], lr_factor: 0.1}]"
		case "wrap":
			line = "    # wrap: [ema]"
		}
		w.comment(help, "    ")
		w.b.WriteString(line + "\n")
	}
}
