package main

// Data sets that have a name: which there are, getting one, and what is in one or in a file before it is trained on.

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/data/fetch"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
)

// data is the verb about data sets; it has verbs of its own.
func (p *program) data() *cobra.Command {
	c := &cobra.Command{
		Use:   "data list|show|get",
		Short: "data sets: list, look into, get",
		Long: "Lists the data sets that have a name, shows what is in one of them or in a file, or gets one. " +
			"A set that was got is trained on by its name: descent train mnist.",
		Example: `
  descent data list
  descent data show digits
  descent data show flowers.csv
  descent data get mnist
  descent data get --help`,
	}
	inner := []*cobra.Command{p.dataList(), p.dataShow(), p.dataGet()}
	var words []string
	for _, i := range inner {
		words = append(words, i.Name())
		i.DisableFlagsInUseLine = true
		i.Flags().BoolP("help", "h", false, "this text")
		i.Flags().SortFlags = false
		c.AddCommand(i)
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{"what to do is missing: " + c.UseLine(), "descent data --help"}
		}
		if near := spec.Nearest(args[0], words); near != "" {
			return &usageError{fmt.Sprintf("descent data %q is unknown; did you mean descent data %s?", args[0], near), ""}
		}
		return &usageError{fmt.Sprintf("descent data %q is unknown; there are %s", args[0], strings.Join(words, ", ")), "descent data --help"}
	}
	c.RunE = func(*cobra.Command, []string) error { return nil } // for Args to be asked
	return c
}

// dataList lists the sets that have a name.
func (p *program) dataList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [flags]",
		Short: "data sets that have a name",
		Long: "Lists the data sets that have a name: rows, shape of a row, classes, license, and whether the set is on this machine. Files on " +
			"this machine are compared with their checksums.",
		Example: `
  descent data list
  descent data list --json`,
		Args: arguments(0),
	}
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RunE = func(*cobra.Command, []string) error {
		cache, err := data.CacheDir()
		if err != nil {
			cache = ""
		}
		t := report.Table{Columns: []report.Column{{Name: "name"}, {Name: "rows", Right: true}, {Name: "shape"}, {Name: "classes", Right: true}, {Name: "license"}, {Name: "here"}}}
		sets := []any{}
		damaged := ""
		for _, s := range data.Sets() {
			here, state := true, "in the program"
			dir := ""
			if s.Files != nil {
				dir, _ = s.Dir()
				here, state = presence(s, dir)
				if state == stateDamaged {
					damaged += fmt.Sprintf("\n%s is damaged: %v; get it anew: descent data get %s\n", s.Name, s.Check(dir), s.Name)
				}
			}
			t.Rows = append(t.Rows, []string{s.Name, report.Count(s.Rows), shapeText(s.Shape), report.Count(len(s.Classes)), s.License, state})
			object := map[string]any{"name": s.Name, "title": s.Title, "rows": s.Rows, "test": s.Test, "shape": []int(s.Shape), "classes": s.Classes,
				"license": s.License, "credit": s.Credit, "here": here}
			if here && dir != "" {
				object["dir"] = dir
			}
			sets = append(sets, object)
		}
		if asJSON {
			return p.printJSON(map[string]any{"sets": sets, "cache": cache})
		}
		if err := t.Text(p.stdout); err != nil {
			return err
		}
		if cache != "" {
			damaged += "\nSets that were got are in " + report.Clean(cache) + "\n"
		}
		return p.print(damaged)
	}
	return c
}

const (
	stateHere    = "yes"
	stateDamaged = "damaged"
)

// presence is whether a set is in its folder, and the word for it.
func presence(s data.Set, dir string) (bool, string) {
	if dir == "" {
		return false, "no"
	}
	if _, err := os.Stat(dir); err != nil {
		return false, "no: descent data get " + s.Name
	}
	if s.Check(dir) != nil {
		return false, stateDamaged
	}
	return true, stateHere
}

// dataGet gets a set.
func (p *program) dataGet() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "get NAME [flags]",
		Short: "get a data set that has a name",
		Long: "Gets a data set into the cache, from the first of these that has it: a package of the system, known mirrors by https, the go command. " +
			"What arrives is compared with checksums that are in this program; the set appears whole or not at all. " +
			"A transfer that was cut is gone on with by the same command.",
		Example: `
  descent data get mnist
  descent data get fashion-mnist --from ~/Downloads/fashion
  descent data get mnist --from https://mirror.example.org/mnist
  descent data get mnist --dir sets     # then: descent train sets/mnist`,
		Args: arguments(1, "NAME"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, s := range data.Sets() {
				if s.Files != nil {
					names = append(names, s.Name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	from := text(c, groupOutput, "from", "PLACE", "folder with the files of the set, packed or not, or the https address of one; the known places if not given")
	dir := text(c, groupOutput, "dir", "DIR", "put the set into a folder of its name in DIR; the cache if not given")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RunE = func(c *cobra.Command, args []string) error {
		name := args[0]
		o := fetch.Options{From: from.text, Dir: dir.text}
		for _, f := range []struct {
			flag string
			set  *string
		}{{"from", &o.From}, {"dir", &o.Dir}} {
			if c.Flags().Changed(f.flag) && *f.set == "" {
				return &usageError{"--" + f.flag + " is empty", "descent data get --help"}
			}
		}
		live := transferLine{p: p, on: !asJSON && isTerminal(p.stderr) && os.Getenv("TERM") != "dumb"}
		o.Progress = live.show
		begin := time.Now()
		r, err := fetch.Get(c.Context(), name, o)
		live.wipe()
		var stop *stopSignal
		if errors.As(err, &stop) {
			fmt.Fprintf(p.stderr, "descent: stopped by %s; what has arrived is kept, go on with the same command\n", stop.name)
		}
		if err != nil {
			return err
		}
		for _, missed := range r.Missed {
			fmt.Fprintf(p.stderr, "descent: not from %s\n", report.Clean(missed.Error()))
		}
		if asJSON {
			return p.printJSON(map[string]any{"name": name, "dir": r.Dir, "place": r.Place, "bytes": r.Bytes, "already": r.Already, "seconds": time.Since(begin).Seconds()})
		}
		ref := name
		if o.Dir != "" && r.Dir != "" {
			ref = r.Dir
		}
		switch {
		case r.Dir == "":
			return p.print(name + " is in the program; train on it with: descent train " + name + "\n")
		case r.Already:
			return p.print(fmt.Sprintf("%s is here already, in %s\ntrain on it with: descent train %s\n", name, report.Clean(r.Dir), shellWord(ref)))
		}
		return p.print(fmt.Sprintf("%s is in %s now (%s, %s)\nit came from %s\ntrain on it with: descent train %s\n", name, report.Clean(r.Dir), report.Bytes(float64(r.Bytes)),
			report.Duration(time.Since(begin)), report.Clean(r.Place), shellWord(ref)))
	}
	return c
}

// transferLine shows progress on one line of a terminal.
type transferLine struct {
	p     *program
	on    bool
	shown int
}

func (l *transferLine) show(at fetch.Progress) {
	if !l.on {
		return
	}
	text := at.Place
	switch {
	case at.Place == "":
		text = "waiting for another process that gets this set"
	case at.File != "" && at.Total > 0:
		text = fmt.Sprintf("%s  %3.0f %%  %s of %s  %s", at.File, 100*float64(at.Done)/float64(at.Total), report.Bytes(float64(at.Done)), report.Bytes(float64(at.Total)), at.Place)
	case at.File != "":
		text = at.File + "  " + at.Place
	}
	text = report.Clean(text)
	if most := l.p.columns() - 1; len(text) > most {
		text = text[:max(most, 0)]
	}
	fmt.Fprintf(l.p.stderr, "\r%s%s", text, strings.Repeat(" ", max(0, l.shown-len(text))))
	l.shown = len(text)
}

func (l *transferLine) wipe() {
	if l.shown > 0 {
		fmt.Fprintf(l.p.stderr, "\r%s\r", strings.Repeat(" ", l.shown))
	}
}
