package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

// parts are what --part takes.
var parts = []string{"train", "validation", "test", "all"}

// eval is the verb that measures a trained model.
func (p *program) eval() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "eval RUN|MODEL [DATA] [flags]",
		Short: "how good a trained model is",
		Long: "Measures the model of a run, or a model.safetensors. A run without DATA, or with the data that it was trained on, is measured on its test " +
			"part, whose rows it has never seen; other data on all rows, or on the test part that it brings.",
		Example: `
  descent eval runs/digits-1
  descent eval runs/digits-1 --part train
  descent eval runs/flowers-1 new-flowers.csv
  descent eval model.safetensors new-flowers.csv --json`,
		Args:              arguments(1, "RUN|MODEL", "DATA"),
		ValidArgsFunction: folders,
	}
	part := text(c, groupOutput, "part", "PART", "of the data: "+strings.Join(parts, ", ")+"; test if not given and there is one, else all")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RegisterFlagCompletionFunc("part", cobra.FixedCompletions(parts, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		ref := ""
		if len(args) > 1 {
			ref = args[1]
		}
		if part.text != "" && !slices.Contains(parts, part.text) {
			return unknownName("--part", part.text, parts)
		}
		m, isFolder, err := load(args[0])
		if err != nil {
			return err
		}
		e := evaluation{model: m, part: part.text}
		if isFolder {
			err = e.ofRun(args[0], ref)
		} else {
			err = e.ofFile(args[0], ref)
		}
		if err != nil {
			return err
		}
		return p.measure(c.Context(), e, args[0], asJSON)
	}
	return c
}

// unknownName is the error for a word that is none of the known ones.
func unknownName(flag, name string, known []string) error {
	if near := spec.Nearest(name, known); near != "" {
		return fmt.Errorf("%s: unknown %q; did you mean %q? known: %s", flag, name, near, strings.Join(known, ", "))
	}
	return fmt.Errorf("%s: unknown %q; known: %s", flag, name, strings.Join(known, ", "))
}

// evaluation is a model, and the rows of a data set that it is measured on.
type evaluation struct {
	model *descent.Model
	part  string
	data  string
	set   data.Dataset
	rows  []int // nil: all
}

// ofRun finds the rows for the model of a run: those of its own data by its own split.
func (e *evaluation) ofRun(dir, ref string) error {
	c, first, _, err := began(dir)
	if err != nil {
		return err
	}
	e.data = ref
	if ref == "" {
		e.data = c.Data
	}
	recorded, _ := first.Text("fingerprint")
	set, err := openOwn(e.data, c)
	own := err == nil && recorded != "" && fingerprint(set) == recorded
	switch {
	case own:
		e.set = set
		if e.part == "" {
			e.part = "test"
			if n, ok := rowsOf(first, "test"); ok && n == 0 {
				e.part = "all"
			}
		}
		if e.part != "all" {
			e.rows, err = train.Rows(c, set, e.part)
		}
		return err
	case ref == "" && err != nil:
		return fmt.Errorf("the run's own data: %w", err)
	case ref == "":
		return fmt.Errorf("the data %q has changed since the run: its test part cannot be told from what was trained on; name the data to measure on, as in: descent eval %s DATA", c.Data, shellWord(dir))
	}
	return e.other(ref)
}

// openOwn opens data as the run did.
func openOwn(ref string, c train.Config) (data.Dataset, error) {
	return data.Open(ref, data.Options{Label: c.Label, Task: c.Task, Drop: c.Drop, NoHeader: c.NoHeader})
}

func fingerprint(set data.Dataset) string {
	if f, ok := set.(data.Fingerprinter); ok {
		return f.Fingerprint()
	}
	return ""
}

func rowsOf(start run.Event, part string) (int, bool) {
	rows, ok := start.Data["rows"].(map[string]any)
	if !ok {
		return 0, false
	}
	n, ok := run.Event{Data: rows}.Number(part)
	return int(n), ok
}

// ofFile finds the rows for a model without a run.
func (e *evaluation) ofFile(path, ref string) error {
	if ref == "" {
		return fmt.Errorf("a model file does not know its data: name it, as in: descent eval %s DATA", shellWord(path))
	}
	return e.other(ref)
}

// other opens data that is not the run's.
func (e *evaluation) other(ref string) error {
	e.data = ref
	set, err := openFor(e.model, ref)
	if err != nil {
		return err
	}
	e.set = set
	var test []int
	if d, ok := set.(data.Describer); ok {
		test = d.About().Test
	}
	switch {
	case e.part == "" && test != nil, e.part == "test" && test != nil:
		e.part, e.rows = "test", test
	case e.part == "" || e.part == "all":
		e.part = "all"
	default:
		return fmt.Errorf("--part %s: %q is not the data of this run, so it has no part of that name; leave --part away to measure on all rows", e.part, ref)
	}
	return nil
}

// measure evaluates and tells.
func (p *program) measure(ctx context.Context, e evaluation, model string, asJSON bool) error {
	scores, err := train.EvaluateModel(ctx, e.model, e.set, e.part, e.rows)
	if err != nil {
		return fmt.Errorf("measuring on %q: %w", e.data, err)
	}
	if asJSON {
		object := map[string]any{"model": model, "data": e.data, "part": e.part, "rows": scores.Rows}
		for name, v := range scores.Metrics() {
			object[name] = v
		}
		for name, v := range scores.Details(e.model.Classes()) {
			object[name] = v
		}
		return p.printJSON(object)
	}
	return p.showScores(scores, e, model)
}

// showScores writes scores for people.
func (p *program) showScores(s train.Scores, e evaluation, model string) error {
	m := s.Metrics()
	line := func(label, value string) {
		fmt.Fprintf(p.stdout, "  %-15s%s\n", label, value)
	}
	part := e.part + " part"
	if e.part == "all" {
		part = "all rows"
	}
	if _, err := fmt.Fprintf(p.stdout, "%s on %s, %s (%s rows)\n\n", report.Clean(model), report.Clean(e.data), part, report.Count(s.Rows)); err != nil {
		return err
	}
	if s.Confusion == nil {
		line("R2", report.Number(m["r2"])+", always guessing the mean would give 0")
		line("error", report.Number(m["mae"])+" mean absolute, "+report.Number(m["rmse"])+" root mean square")
		line("loss", report.Number(m["loss"]))
		return nil
	}
	a := s.Confusion.Accuracy()
	line("accuracy", report.Percent(a.Value)+" (95 % interval "+report.PercentRange(a.Low, a.High)+")")
	line("majority", report.Percent(s.Majority)+", always guessing the largest class")
	line("balanced", report.Percent(m["balanced_accuracy"])+", the mean over classes")
	line("loss", report.Number(m["loss"]))
	fmt.Fprintln(p.stdout)
	return perClass(e.model.Classes(), s).Text(p.stdout)
}

// perClass is the table of classes, with the class that each is most often taken for.
func perClass(classes []string, s train.Scores) report.Table {
	t := report.Table{Columns: []report.Column{{Name: "class"}, {Name: "rows", Right: true}, {Name: "precision", Right: true}, {Name: "recall", Right: true},
		{Name: "F1", Right: true}, {Name: "most often taken for"}}}
	matrix := s.Confusion.Matrix()
	for i := range s.Confusion.Classes() {
		c := s.Confusion.Class(i)
		wrong, most := "", 0.0
		for j, n := range matrix[i] {
			if v := float64(n); j != i && v > most {
				wrong, most = fmt.Sprintf("%s (%s)", nameOf(classes, j), report.Count(int64(v))), v
			}
		}
		t.Rows = append(t.Rows, []string{nameOf(classes, i), report.Count(int64(c.Rows)), report.Percent(c.Precision.Value), report.Percent(c.Recall.Value), report.Percent(c.F1), wrong})
	}
	return t
}

func nameOf(classes []string, i int) string {
	if i < len(classes) {
		return classes[i]
	}
	return fmt.Sprint(i)
}
