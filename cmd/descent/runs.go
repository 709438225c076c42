package main

// descent runs: the runs under a folder, a line each. Everything is read from what each run wrote of itself; a folder that cannot be read is a
// line with its reason, and the others are listed all the same.

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/run"
)

// The states of a run.
const (
	stateDone    = "done"
	stateStopped = "stopped" // by a signal, with a checkpoint
	stateFailed  = "failed"
	stateRunning = "running"
	stateKilled  = "killed" // its process is gone and wrote no end
	stateBroken  = "broken" // the folder cannot be read
)

var runOrders = []string{"time", "name"}

// runs is the verb that lists runs.
func (p *program) runs() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "runs [DIR] [flags]",
		Short: "the runs under a folder, one line each",
		Long: "Lists the runs in DIR, runs if not given, the newest first: data, network, optimizer, epochs done, the best score on validation, the " +
			"score on the test part, the time of training, and how it ended. The runs of several seeds stand together, with their mean. Folders that " +
			"cannot be read are listed with the reason.\n" +
			"\n" +
			"States: done; stopped, by a signal, with a checkpoint; failed; running; killed, without a word. Stopped and killed runs go on by: " +
			"descent resume RUN.",
		Example: `
  descent runs
  descent runs experiments --by name
  descent runs --json`,
		Args: arguments(0, "DIR"),
	}
	by := text(c, groupOutput, "by", "ORDER", "order: time, the newest first, or name; time if not given")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object a run, one a line")
	c.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(runOrders, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		order := runOrders[0]
		if c.Flags().Changed("by") {
			if order = by.text; !slices.Contains(runOrders, order) {
				return unknownName("--by", order, runOrders)
			}
		}
		root := runsRoot
		if len(args) > 0 {
			root = args[0]
		}
		groups, err := runGroups(root)
		if err != nil {
			return err
		}
		sortRuns(groups, order)
		if !asJSON {
			return p.runTable(root, groups)
		}
		for _, g := range groups {
			for _, r := range g.runs {
				if err := p.printJSON(r.json(g)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return c
}

// runGroup is a run alone, or those of several seeds in one folder.
type runGroup struct {
	name string // of the folder that they are in; "" for a run alone
	runs []runLine
}

// runLine is what is told of a run.
type runLine struct {
	name, dir              string
	state, reason          string
	data, model, optimizer string
	began                  time.Time
	step                   uint64
	epochs, planned        float64 // done, and planned if that is known
	metric                 string  // accuracy or r2
	best, score            *float64
	part                   string // of score
	seconds                float64
}

// runGroups reads all runs under a folder.
func runGroups(root string) ([]runGroup, error) {
	entries, err := os.ReadDir(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %q; runs are made by: descent train DATA", root)
	case err != nil:
		return nil, err
	case isRunFolder(root):
		return nil, fmt.Errorf("%q is a run itself; it is shown by: descent show %s", root, shellWord(root))
	}
	var groups []runGroup
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if info, err := os.Stat(dir); strings.HasPrefix(e.Name(), ".") || err == nil && !info.IsDir() {
			continue
		}
		inside := runsIn(dir)
		if isRunFolder(dir) || len(inside) == 0 {
			groups = append(groups, runGroup{runs: []runLine{readRun(dir)}})
			continue
		}
		g := runGroup{name: e.Name()}
		for _, d := range inside {
			g.runs = append(g.runs, readRun(d))
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func isRunFolder(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "config.json"))
	return err == nil
}

// readRun reads one run. What goes wrong is part of what it returns.
func readRun(dir string) runLine {
	r := runLine{name: filepath.Base(dir), dir: dir, state: stateBroken}
	if info, err := os.Stat(dir); err == nil {
		r.began = info.ModTime() // until it is known better
	}
	folder, err := run.View(dir)
	if err != nil {
		r.reason = err.Error()
		return r
	}
	defer folder.Close()
	damaged, first := 0, error(nil)
	epochs := epochsOf(folder.Config())
	for e, err := range folder.Events() {
		if err != nil {
			if damaged++; first == nil {
				first = err
			}
			continue
		}
		r.add(e)
	}
	if epochs > 0 {
		r.planned = epochs // a resume may have been given others than the run began with
	}
	if r.state == stateBroken { // no event says how it ended
		r.state = stateKilled
	}
	if r.state == stateKilled {
		if held, err := run.Held(dir); err != nil {
			r.reason = "whether it is running is unknown: " + err.Error()
		} else if held {
			r.state = stateRunning
		}
	}
	switch {
	case damaged > 0 && r.reason == "":
		r.reason = fmt.Sprintf("%d lines of its events cannot be read, the first: %v", damaged, first)
	case r.data == "" && r.reason == "" && r.state == stateKilled:
		r.reason = "there is no event: it was killed before it began"
	}
	return r
}

// epochsOf are the epochs that a configuration plans; 0: not known.
func epochsOf(config []byte) float64 {
	tree, err := spec.ParseJSON("config.json", config)
	if err != nil {
		return 0
	}
	v, _ := tree.Get("epochs")
	n, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || v.Kind != spec.Number {
		return 0
	}
	return n
}

// add takes what an event tells.
func (r *runLine) add(e run.Event) {
	r.step, r.epochs = e.Step, e.Epoch
	if v, ok := e.Number("time/seconds"); ok {
		r.seconds = v
	}
	switch e.Type {
	case "start":
		r.began, r.state = e.Time, stateKilled
		r.data, _ = e.Text("data")
		r.model, _ = e.Text("model")
		r.optimizer, _ = e.Text("optimizer")
		r.planned, _ = e.Number("epochs")
	case "resume":
		r.state, r.reason, r.score = stateKilled, "", nil
	case "eval":
		for _, metric := range []string{"accuracy", "r2"} {
			v, ok := e.Number("val/" + metric)
			if better, _ := e.Data["best"].(bool); ok && better {
				r.metric, r.best = metric, &v
			}
		}
	case "stop":
		r.state = stateStopped
		r.reason, _ = e.Text("reason")
	case "failed":
		r.state = stateFailed
		r.reason, _ = e.Text("message")
	case "done":
		r.state = stateDone
		r.part, _ = e.Text("part")
		for _, metric := range []string{"accuracy", "r2"} {
			if v, ok := e.Number(metric); ok {
				r.metric, r.score = metric, &v
			}
		}
		if v, ok := e.Number("seconds"); ok {
			r.seconds = v
		}
	}
}

// sortRuns puts the newest first, or goes by name; runs of one folder go by name.
func sortRuns(groups []runGroup, order string) {
	for _, g := range groups {
		slices.SortFunc(g.runs, func(a, b runLine) int { return natural(a.name, b.name) })
	}
	newest := func(g runGroup) time.Time {
		return slices.MaxFunc(g.runs, func(a, b runLine) int { return a.began.Compare(b.began) }).began
	}
	slices.SortStableFunc(groups, func(a, b runGroup) int {
		byName := natural(cmp.Or(a.name, a.runs[0].name), cmp.Or(b.name, b.runs[0].name))
		if order == "name" {
			return byName
		}
		return cmp.Or(newest(b).Compare(newest(a)), byName)
	})
}

// natural compares names in which numbers count as numbers: digits-2 before digits-10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := leading(a), leading(b)
		if x != "" && y != "" {
			m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			a, b = a[len(x):], b[len(y):]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// leading are the digits that a name begins with.
func leading(s string) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, func(r rune) bool { return r < unicode.MaxASCII && unicode.IsDigit(r) }))]
}
