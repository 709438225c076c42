package main

// What verbs that only look at data share: its names for the shell, and how to read a table.

import (
	"github.com/spf13/cobra"

	"github.com/descent-go/descent/data"
)

// tableFlags say how to read a table, as train's flags of the same names do.
type tableFlags struct {
	label, task, drop *argument
	noHeader          bool
}

func defineTable(c *cobra.Command) *tableFlags {
	t := &tableFlags{
		label: text(c, groupOutput, "label", "COLUMN", "of a table: the column to predict; the last if not given"),
		task:  text(c, groupOutput, "task", "TASK", "of a table: classification or regression; found out if not given"),
		drop:  define1(c, groupOutput, "drop", listSyntax.as("COLUMN,..."), "of a table: columns to leave out"),
	}
	toggle(c, &t.noHeader, groupOutput, "no-header", "of a table: the first line is a row")
	return t
}

func (t *tableFlags) options() (data.Options, error) {
	dropped, err := names(t.drop.text)
	return data.Options{Label: t.label.text, Task: t.task.text, Drop: dropped, NoHeader: t.noHeader}, err
}

// completeDataSet offers the names of known sets, and files, for a verb's one DATA.
func completeDataSet(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var known []string
	for _, s := range data.Sets() {
		known = append(known, s.Name)
	}
	return known, cobra.ShellCompDirectiveDefault
}
