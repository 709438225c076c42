package main

// descent optimizers: the survey's Figure 2, made from what each rule says of itself, with our corrections and their reasons. The other rules
// stand in the same table. For a network there are bytes in place of bytes a weight.

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/prep"
	"github.com/descent-go/descent/report"
)

// mostParameters bounds --parameters and what --model may have: above it bytes do not fit their type.
const mostParameters = 1_000_000_000_000_000

// optimizers is the verb about optimizers.
func (p *program) optimizers() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "optimizers [NAME] [DATA] [flags]",
		Short: "optimizers: a table of all, or all about one",
		Long: "Shows the survey's Figure 2 and the optimizers beyond it: bytes of state a parameter in float32, how many numbers there are to tune, " +
			"strengths and weaknesses, with our corrections and their reasons. With NAME, all about one: formula, source, settings. --model and " +
			"--parameters give the bytes for a network; the network's inputs and outputs are those of DATA, digits if not given.",
		Example: `
  descent optimizers
  descent optimizers adam
  descent optimizers --model "mlp(512, 512)" flowers.csv
  descent optimizers adamw --parameters 124e6
  descent optimizers --json
  descent optimizers replay cases.jsonl     # run them on given gradients`,
		Args: cobra.ArbitraryArgs, // asked in RunE: what they are depends on flags
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return optimizerNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	model := text(c, groupOutput, "model", "LAYER", "network whose state is counted, such as \"mlp(512, 512)\"")
	count := define1(c, groupOutput, "parameters", numberSyntax.as("N"), "count the state of so many parameters, such as 124e6")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	replays := p.replays()
	replays.DisableFlagsInUseLine = true
	replays.Flags().BoolP("help", "h", false, "this text")
	c.AddCommand(replays)
	c.RunE = func(c *cobra.Command, args []string) error {
		q := cardQuestion{model: model.text, count: count.text, hasModel: c.Flags().Changed("model"), hasCount: c.Flags().Changed("parameters")}
		if err := q.take(args); err != nil {
			return err
		}
		cards, of, err := q.answer()
		if err != nil {
			return err
		}
		if q.name == "" {
			if asJSON {
				return p.printJSON(map[string]any{"optimizers": cardsJSON(cards, of), "network": of.json()})
			}
			return p.cardTable(cards, of)
		}
		i := slices.IndexFunc(cards, func(c optim.Card) bool { return c.Name == q.name })
		if asJSON {
			o := cardJSON(cards[i], of)
			if of.parameters > 0 {
				o["network"] = of.json()
			}
			return p.printJSON(o)
		}
		return p.card(cards[i], of)
	}
	return c
}

// cardQuestion is what the command line asks for.
type cardQuestion struct {
	name, data         string
	model, count       string
	hasModel, hasCount bool
}

// take tells NAME and DATA apart: a first argument that names an optimizer is NAME, and DATA is asked for with --model alone.
func (q *cardQuestion) take(args []string) error {
	const help = "descent optimizers --help"
	if q.hasModel && q.hasCount {
		return &usageError{"--model and --parameters both say how many parameters there are; give one", help}
	}
	rest := args
	if len(rest) > 0 && (!q.hasModel || slices.Contains(optimizerNames(), rest[0])) {
		q.name, rest = rest[0], rest[1:]
	}
	if q.hasModel && len(rest) > 0 {
		q.data, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("too many arguments, first %s: descent optimizers [NAME] [DATA] [flags]", strconv.Quote(rest[0])), help}
	}
	if q.name != "" {
		r, _ := spec.NewSet(optim.Lists()...).Registry("optimizer")
		e, err := r.Lookup(q.name)
		if err != nil {
			if spec.Nearest(q.name, r.Names()) == "" {
				return fmt.Errorf("%w; bytes for data are counted with --model", err)
			}
			return err
		}
		q.name = e.Name
	}
	return nil
}

// network is what bytes are counted for.
type network struct {
	model, data string // "" for a bare number of parameters
	parameters  int64
}

func (n network) json() map[string]any {
	if n.parameters == 0 {
		return nil
	}
	o := map[string]any{"parameters": n.parameters}
	if n.model != "" {
		o["model"], o["data"] = n.model, n.data
	}
	return o
}

// answer gives all cards, with the bytes for the network.
func (q *cardQuestion) answer() ([]optim.Card, network, error) {
	switch {
	case q.hasCount:
		v, err := strconv.ParseFloat(q.count, 64)
		if err != nil || !(v >= 1 && v <= mostParameters) || v != float64(int64(v)) {
			return nil, network{}, fmt.Errorf("--parameters: found %s, wanted a whole number in [1, 1e15]", q.count)
		}
		cards := optim.Cards()
		for i := range cards {
			cards[i].Bytes = int64(cards[i].PerWeight * v)
		}
		return cards, network{parameters: int64(v)}, nil
	case q.hasModel:
		if q.data == "" {
			q.data = "digits"
		}
		params, model, err := parametersOf(q.model, q.data)
		if err != nil {
			return nil, network{}, err
		}
		n := network{model: model, data: q.data}
		for _, p := range params {
			if n.parameters += int64(p.Size()); p.Size() > mostParameters || n.parameters > mostParameters {
				return nil, n, fmt.Errorf("--model: the network has more than %s parameters", report.Count(int64(mostParameters)))
			}
		}
		if n.parameters == 0 {
			return nil, n, fmt.Errorf("--model: %s has no parameters, so that there is no state", model)
		}
		return optim.Cards(params...), n, nil
	}
	return optim.Cards(), network{}, nil
}

// parametersOf builds a network for data and lists its parameters, without taking memory for them.
func parametersOf(model, ref string) ([]engine.Param, string, error) {
	var layer nn.Layer
	if err := spec.NewSet(nn.Lists()...).Decode(spec.Flag("--model", model), &layer); err != nil {
		return nil, "", err
	}
	if layer == nil {
		return nil, "", errors.New("--model: found null, wanted a layer")
	}
	set, err := data.Open(ref, data.Options{})
	if err != nil {
		return nil, "", err
	}
	if table, ok := set.(data.Table); ok {
		parts, err := (data.Split{}).Rows(set, 0)
		if err != nil {
			return nil, "", fmt.Errorf("%q: %w", ref, err)
		}
		pipeline, err := data.Fit(table, parts.Train, prep.Options{})
		if err != nil {
			return nil, "", fmt.Errorf("%q: %w", ref, err)
		}
		if set, err = data.Prepared(table, pipeline); err != nil {
			return nil, "", fmt.Errorf("%q: %w", ref, err)
		}
	}
	g := engine.NewGraph()
	var x []engine.Value
	for _, f := range set.Fields() {
		if v := g.Input(f); f.Use == engine.Feature {
			x = append(x, v)
		}
	}
	nn.Network(g, layer, x...)
	if err := g.Err(); err != nil {
		return nil, "", err
	}
	var params []engine.Param
	for _, n := range g.Nodes() {
		if n.IsParam() {
			params = append(params, engine.Param{Path: n.Path, Shape: n.Type.Shape, Role: n.Role})
		}
	}
	return params, nn.Text(layer), nil
}

// notes are the corrections in a table, numbered as they come. One that several rows share is one note.
type notes struct {
	list  []optim.Correction
	names [][]string
}

// mark is the text with the number of its correction, if the row has one for it.
func (n *notes) mark(c optim.Card, says, shown string) string {
	for _, correction := range c.Survey.Corrections {
		if correction.Says != says {
			continue
		}
		i := slices.Index(n.list, correction)
		if i < 0 {
			i = len(n.list)
			n.list, n.names = append(n.list, correction), append(n.names, nil)
		}
		if !slices.Contains(n.names[i], c.Name) {
			n.names[i] = append(n.names[i], c.Name)
		}
		return fmt.Sprintf("%s [%d]", shown, i+1)
	}
	return shown
}

// marked are lines with their marks; of an optimizer that the survey lacks, its own.
func (n *notes) marked(c optim.Card, surveys, own []string) []string {
	if c.Survey.Name == "" {
		return own
	}
	lines := make([]string, len(surveys))
	for i, line := range surveys {
		lines[i] = n.mark(c, line, line)
	}
	return lines
}

func (n *notes) text(w io.Writer, width int) {
	for i, c := range n.list {
		head := fmt.Sprintf("  [%d] ", i+1)
		for _, line := range wrapped(strings.Join(n.names[i], ", ")+": "+correctionText(c), width-len(head)) {
			fmt.Fprintln(w, head+line)
			head = strings.Repeat(" ", len(head))
		}
	}
}

func correctionText(c optim.Correction) string {
	return fmt.Sprintf("the survey says %q; we hold: %s", c.Says, c.Holds)
}

// cardTable shows all optimizers.
func (p *program) cardTable(cards []optim.Card, of network) error {
	var n notes
	t := report.Table{Columns: []report.Column{{Name: "optimizer"}, {Name: "state"}, {Name: "tunable"}, {Name: "strengths"}, {Name: "weaknesses"}}}
	fixed := 32
	if of.parameters > 0 {
		t.Columns = slices.Insert(t.Columns, 2, report.Column{Name: "bytes", Right: true})
		fixed += 10
	}
	room := min(38, max(18, (p.columns()-fixed-3)/2))
	for _, c := range cards {
		name := c.Name
		if c.Survey.Name != "" {
			name += " *"
		}
		first := []string{name, n.mark(c, c.Survey.State, plainState(c)), n.mark(c, strconv.Itoa(c.Survey.Tunable), strconv.Itoa(len(c.Tunable)))}
		if of.parameters > 0 {
			first = slices.Insert(first, 2, report.Bytes(float64(c.Bytes)))
		}
		left, right := hung(n.marked(c, c.Survey.Strengths, c.Strengths), room), hung(n.marked(c, c.Survey.Weaknesses, c.Weaknesses), room)
		for i := range max(1, len(left), len(right)) {
			row := make([]string, len(first))
			if i == 0 {
				row = first
			}
			t.Rows = append(t.Rows, append(slices.Clone(row), lineAt(left, i), lineAt(right, i)))
		}
	}
	if of.parameters > 0 {
		fmt.Fprintf(p.stdout, "%s\n\n", of.title())
	}
	if err := t.Text(p.stdout); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	for _, line := range wrapped("* in the survey's Figure 2, in its words. State: bytes of float32 for n parameters, beside weights and gradients. "+
		"Tunable: numbers that one may have to tune. All about one of them: descent optimizers NAME.", min(p.columns(), 100)-2) {
		fmt.Fprintln(p.stdout, "  "+line)
	}
	fmt.Fprintln(p.stdout)
	n.text(p.stdout, min(p.columns(), 100))
	return nil
}

// plainState is "8n" as papers write it.
func plainState(c optim.Card) string {
	if c.PerWeight == 0 {
		return "0"
	}
	return report.Setting(c.PerWeight) + "n"
}

func (n network) title() string {
	if n.model == "" {
		return fmt.Sprintf("optimizers  for %s parameters", report.Count(n.parameters))
	}
	return report.Clean(fmt.Sprintf("optimizers  for %s on %s, %s parameters", n.model, n.data, report.Count(n.parameters)))
}

// hung wraps each line of a list and indents what continues it.
func hung(list []string, width int) []string {
	var lines []string
	for _, item := range list {
		for i, line := range wrapped(item, width-2) {
			if i > 0 {
				line = "  " + line
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
