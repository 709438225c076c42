package main

// descent init: a configuration to begin with, as YAML with a comment for every key. What is set in it is the default, so that the file trains
// as descent train DATA does; what depends on the data is told in comments, and what might suit it better is suggested there.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/train"
)

// init is a word of the language.
func (p *program) initialize() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "init DATA [flags]",
		Short: "write a commented configuration that fits the data",
		Long: "Writes a configuration for DATA to begin with, as YAML: every key with what it is, its default, and what may suit this data better. As it " +
			"is, it trains as descent train DATA does. A file that exists is left alone.",
		Example: `
  descent init flowers.csv
  descent train --config flowers.yaml
  descent init houses.csv --label price --out first.yaml
  descent init digits --out -`,
		Args:              arguments(1, "DATA"),
		ValidArgsFunction: completeDataSet,
	}
	out := text(c, groupOutput, "out", "FILE", "file to write, which must not exist, or - for standard output; DATA.yaml if not given")
	table := defineTable(c)
	toggle(c, &asJSON, groupOutput, "json", "one JSON object about what was written")
	c.RunE = func(c *cobra.Command, args []string) error {
		options, err := table.options()
		if err != nil {
			return err
		}
		file := out.text
		switch {
		case file == "" && c.Flags().Changed("out"):
			return &usageError{"--out is empty", "descent init --help"}
		case file == "-" && asJSON:
			return errors.New("--json and --out - both want standard output")
		case file == "":
			file = configName(args[0])
		}
		if _, err := os.Lstat(file); file != "-" && err == nil {
			return configExists(file)
		}
		s, err := startOn(args[0], options)
		if err != nil {
			return err
		}
		if file == "-" {
			return p.print(s.yaml("FILE"))
		}
		if err := writeNew(file, s.yaml(file)); err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(s.json(file))
		}
		return p.print(fmt.Sprintf("%s is written, for %s\ntrain with: descent train --config %s\n", report.Clean(file), report.Clean(s.summary()), shellWord(file)))
	}
	return c
}

func configExists(file string) error {
	return fmt.Errorf("%q exists and is left alone; name another file with --out, or - for standard output", file)
}

// configName is the name of the file for a data set.
func configName(ref string) string {
	name := strings.TrimSuffix(filepath.Base(filepath.Clean(ref)), ".gz")
	name = strings.TrimSuffix(name, filepath.Ext(name))
	if strings.Trim(name, `./\`) == "" {
		name = "config"
	}
	return name + ".yaml"
}

// writeNew writes a file that is not there yet. What fails half-way is taken away again.
func writeNew(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return configExists(file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(file)
	}
	return err
}

// start is what a configuration begins from: the data, and the plan of a training on it with defaults.
type start struct {
	content content
	options data.Options
	plan    *train.Plan
	model   string // suggested
	batch   int    // suggested
}

func startOn(ref string, o data.Options) (start, error) {
	s := start{options: o}
	for _, name := range append([]string{ref, o.Label}, o.Drop...) {
		if !utf8.ValidString(name) {
			return s, fmt.Errorf("%q is not UTF-8, and a configuration has to be", name)
		}
	}
	var err error
	if s.content, err = contentOf(ref, o); err != nil {
		return s, err
	}
	s.plan, err = train.Check(train.Config{Data: ref, Label: o.Label, Task: o.Task, Drop: o.Drop, NoHeader: o.NoHeader, Optimizer: usualOptimizer(train.Registries())})
	if err != nil {
		return s, err
	}
	s.model, s.batch = suggestion(s.plan.Rows[0], s.features(), max(1, len(s.plan.Classes)))
	return s, nil
}

// suggestion is a network and a batch for so many rows and features: the largest of a few networks with no more weights than the training part
// has numbers, with more dropout where rows are few, and a batch that leaves an epoch about forty steps or more.
func suggestion(rows, features, outputs int) (model string, batch int) {
	dropout := 0.1
	if rows < 1000 {
		dropout = 0.2
	}
	chosen := []int{16}
	for _, units := range [][]int{{32}, {64, 32}, {128, 64}, {256, 128}, {512, 256}, {512, 512}} {
		weights, before := 0, features
		for _, n := range append(units, outputs) {
			weights, before = weights+(before+1)*n, n
		}
		if weights <= rows*features {
			chosen = units
		}
	}
	model = strings.Trim(strings.Join(strings.Fields(fmt.Sprint(chosen)), ", "), "[]")
	batch = 8
	for batch < 128 && rows/(2*batch) >= 40 {
		batch *= 2
	}
	return fmt.Sprintf("mlp(%s, dropout=%v)", model, dropout), batch
}

// features are the numbers of a row.
func (s *start) features() int {
	n := 0
	for _, f := range s.content.features {
		n += f.Size()
	}
	return n
}

// summary is the data in a few words.
func (s *start) summary() string {
	what := fmt.Sprintf("regression of %s", s.content.target.Name)
	if s.plan.Classes != nil {
		what = fmt.Sprintf("classification of %s in %d classes", s.content.target.Name, len(s.plan.Classes))
	}
	features := "1 feature"
	if n := s.features(); n > 1 {
		features = report.Count(n) + " features"
	}
	return fmt.Sprintf("%s: %s, %s rows, %s", s.content.ref, what, report.Count(s.content.rows), features)
}

func (s *start) json(file string) map[string]any {
	object := map[string]any{"file": file, "data": s.content.ref, "task": s.plan.Task, "target": s.content.target.Name, "rows": s.content.rows,
		"suggested": map[string]any{"model": s.model, "batch": s.batch}}
	if s.plan.Classes != nil {
		object["classes"] = s.plan.Classes
	}
	return object
}

// yamlText is a text as a value in YAML: bare where that is read as the same text.
func yamlText(s string) string {
	plain := s != "" && spec.Bare(s, spec.Pos{}).Kind == spec.String
	for _, r := range s {
		plain = plain && (r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("_./", r))
	}
	if plain {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a text
	}
	return strings.TrimSpace(b.String())
}
