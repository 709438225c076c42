package main

// Help: an overview of the verbs, and for each verb what it does, examples first, then its flags by group.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbs are those of the program, in the order in which one needs them.
var verbs = []string{"init", "train", "resume", "show", "runs", "eval", "predict", "data", "surface", "optimizers", "bench", "schema", "version", "completion", "help"}

// The groups of flags, in the order of the help text.
const (
	groupKey      = "group"
	groupData     = "Data"
	groupNetwork  = "Network and loss"
	groupDescent  = "Descent"
	groupSettings = "Settings of optimizers"
	groupLength   = "Length: the training ends at the first that is reached"
	groupRun      = "Run"
	groupOutput   = "Output"
)

// settingGroups are the groups that hold settings of a configuration.
var settingGroups = []string{groupData, groupNetwork, groupDescent, groupSettings, groupLength, groupRun}

func overview(width int) string {
	var b strings.Builder
	b.WriteString(strings.Join(wrapped("descent trains deep neural networks on your data, shows what came of it, and answers with the trained model.", width), "\n"))
	b.WriteString(`

Begin
  descent train digits              train on real handwritten digits, in seconds
  descent train flowers.csv         train on a table, its last column the answer
  descent show runs/digits-1        what came of it: curves, layers, scores
  descent predict runs/digits-1 new.csv
                                    answers for new rows

Verbs
  init DATA              write a commented configuration that fits the data
  train DATA             train a network into a run folder
  resume RUN             go on with a stopped run, to the same bits
  show RUN|MODEL         summary, learning curves, layers
  runs [DIR]             the runs under a folder, one line each
  eval RUN|MODEL [DATA]  how good a trained model is
  predict RUN|MODEL FILE answers for new rows
  data list|show|get     data sets: list, look into, get
  surface FUNCTION       what optimizers do on a ravine, a saddle, a valley
  optimizers [NAME]      optimizers: a table of all, or all about one
  bench [WORKLOAD]       how fast this machine trains, beside limits and peers
  schema                 JSON Schema of the configuration, for editors
  version                version, processor, kernels
  completion SHELL       completion of commands by Tab

descent VERB --help has examples and all flags.
`)
	return b.String()
}

// helpText is the help of one verb.
func helpText(c *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString(strings.Join(wrapped(c.Long, width), "\n") + "\n")
	b.WriteString("\nUsage\n  " + c.UseLine() + "\n")
	if c.Example != "" {
		b.WriteString("\nExamples\n" + strings.Trim(c.Example, "\n") + "\n")
	}
	groups := map[string][]*pflag.Flag{}
	var order []string
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		group := groupOutput
		if g := f.Annotations[groupKey]; len(g) > 0 {
			group = g[0]
		}
		if !slices.Contains(order, group) {
			order = append(order, group)
		}
		groups[group] = append(groups[group], f)
	})
	// What belongs to every command comes last.
	if i := slices.Index(order, groupOutput); i >= 0 {
		order = append(slices.Delete(order, i, i+1), groupOutput)
	}
	for _, group := range order {
		title := group
		if len(order) == 1 {
			title = "Flags"
		}
		b.WriteString("\n" + title + "\n")
		for _, f := range groups[group] {
			b.WriteString(flagText(f, width))
		}
	}
	return b.String()
}

// flagText is a flag with what it takes, and its help beside or below it.
func flagText(f *pflag.Flag, width int) string {
	const column = 26
	head := "  --" + f.Name
	word, help := pflag.UnquoteUsage(f)
	if f.NoOptDefVal == "" && word != "" && f.Value.Type() != "bool" {
		head += " " + word
	}
	if f.Shorthand != "" {
		head = "  -" + f.Shorthand + ", --" + f.Name
	}
	lines := wrapped(help, max(20, width-column))
	var b strings.Builder
	if len(head) > column-2 {
		b.WriteString(head + "\n")
	} else {
		fmt.Fprintf(&b, "%-*s%s\n", column, head, lines[0])
		lines = lines[1:]
	}
	for _, line := range lines {
		b.WriteString(strings.Repeat(" ", column) + line + "\n")
	}
	return b.String()
}

// help is the verb that shows the help of another.
func (p *program) help(root *cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [VERB]",
		Short: "help about a verb",
		Long:  "Shows the help of a verb; without one, the overview.",
		Args:  arguments(0, "VERB"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.print(overview(p.width()))
			}
			for _, verb := range root.Commands() {
				if verb.Name() == args[0] {
					return p.print(helpText(verb, p.width()))
				}
			}
			return unknownVerb(args[0])
		},
		ValidArgs: verbs,
	}
	c.DisableFlagsInUseLine = true
	c.Flags().BoolP("help", "h", false, "this text")
	return c
}

// text, whole and toggle define flags that are no settings of a configuration.

func text(c *cobra.Command, group, name, word, help string) *argument {
	return define1(c, group, name, textSyntax.as(word), help)
}

func whole(c *cobra.Command, group, name, word, help string) *argument {
	return define1(c, group, name, wholeSyntax.as(word), help)
}

func define1(c *cobra.Command, group, name string, s syntax, help string) *argument {
	a := &argument{syntax: s}
	c.Flags().VarPF(a, name, "", help).Annotations = map[string][]string{groupKey: {group}}
	return a
}

func toggle(c *cobra.Command, to *bool, group, name, help string) {
	c.Flags().BoolVar(to, name, false, help)
	c.Flags().Lookup(name).Annotations = map[string][]string{groupKey: {group}}
}
