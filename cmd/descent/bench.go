package main

// bench is the verb that measures: how fast this machine trains three usual networks, what the machine could do at most, and how fast PyTorch
// and JAX are on the same work. Alone it describes the machine; with a workload it prints what the peers' scripts print; with --peers it runs
// all of them in turn.

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/train"
)

// mainStarted is about when the program's own code began.
var mainStarted = time.Now()

// benchOptions are what was asked for.
type benchOptions struct {
	workloads []workload // one, or all
	alone     bool       // one was named
	threads   []int      // one, or one and all
	data      string     // folder or name; "": MNIST from the cache, else made up
	steps     int        // 0: as many as the workload has
	precision train.Precision
	called    string // the precision as it was given
	rounds    int
	json      bool
}

// bench is the verb.
func (p *program) bench() *cobra.Command {
	var asJSON, peers bool
	c := &cobra.Command{
		Use:   "bench [WORKLOAD] [flags]",
		Short: "how fast this machine trains, beside its limits and peers",
		Long: "Measures the limits of this machine (multiply-adds, bandwidth, the way between cores) and, right beside them, matrix products, " +
			"updates of optimizers and whole training steps, each with its share of the limit. With a WORKLOAD it trains that one alone and ends " +
			"with the accuracy on the test images:\n" + workloadsText() + "\nIt trains on MNIST where that is here (descent data get mnist), or on " +
			"what --data names; plain descent bench makes up images of the same shape otherwise. With --threads 1 all of a step, and whatever the program does beside it, has one processor.",
		Example: `
  descent bench
  descent bench W2 --threads 1
  descent bench W1 --threads 2 --data mnist/ --json
  descent bench --peers
  TORCH_PYTHON=env/bin/python descent bench W2 --peers --threads 1`,
		Args:      arguments(0, "WORKLOAD"),
		ValidArgs: workloadNames(),
	}
	threads := whole(c, groupOutput, "threads", "N", "1 to 1024; with a WORKLOAD all cores if not given, else one and all")
	dir := text(c, groupOutput, "data", "DIR", "folder with the four files of MNIST, packed or not, or the name of a set of that shape; mnist if not given")
	precision := text(c, groupOutput, "precision", "TYPE", "what the network computes in: "+strings.Join(precisionNames(), ", ")+"; fp32 if not given")
	steps := whole(c, groupOutput, "steps", "N", "steps that are timed; as many as the workload has if not given")
	toggle(c, &peers, groupOutput, "peers", "run PyTorch and JAX in turn with descent, where $TORCH_PYTHON and $JAX_PYTHON (python3 if not given) have them")
	rounds := whole(c, groupOutput, "rounds", "N", "with --peers: how often each has its turn; the median counts; 1 if not given")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object; of a WORKLOAD the line that the peers' scripts print")
	c.RunE = func(c *cobra.Command, args []string) error {
		o := benchOptions{workloads: workloads(), data: dir.text, json: asJSON, called: "fp32", rounds: 1}
		var err error
		if c.Flags().Changed("data") && dir.text == "" {
			return &usageError{"--data is empty", "descent bench --help"}
		}
		if len(args) > 0 {
			w, err := workloadOf(args[0])
			if err != nil {
				return err
			}
			o.workloads, o.alone = []workload{w}, true
		}
		if o.threads, err = benchThreads(threads.text, c.Flags().Changed("threads"), o.alone && !peers); err != nil {
			return err
		}
		if c.Flags().Changed("precision") {
			o.called = precision.text
		}
		if o.precision, err = precisionOf(o.called); err != nil {
			return err
		}
		if o.steps, err = countOf("--steps", steps.text, c.Flags().Changed("steps"), 0, maxBenchSteps); err != nil {
			return err
		}
		if c.Flags().Changed("rounds") && !peers {
			return fmt.Errorf("--rounds is for turns with --peers; add that, or leave it out")
		}
		if o.rounds, err = countOf("--rounds", rounds.text, c.Flags().Changed("rounds"), 1, 100); err != nil {
			return err
		}
		live := &benchLine{p: p, on: !asJSON && isTerminal(p.stderr) && os.Getenv("TERM") != "dumb"}
		defer live.wipe()
		switch {
		case peers:
			return p.benchPeers(c.Context(), o, live)
		case o.alone:
			return p.benchOne(c.Context(), o)
		}
		return p.benchMachine(c.Context(), o, live)
	}
	c.RegisterFlagCompletionFunc("precision", cobra.FixedCompletions(precisionNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// maxBenchSteps bounds what is surely a mistake.
const maxBenchSteps = 10_000_000

// countOf reads a whole number of at least 1.
func countOf(flag, text string, given bool, usual, most int) (int, error) {
	if !given {
		return usual, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 1 || v > float64(most) {
		return 0, fmt.Errorf("%s: found %s, wanted a whole number in [1, %d]", flag, text, most)
	}
	return int(v), nil
}

// benchThreads are the numbers of threads to measure with: the one that was given, else all cores, before them one where there is time.
func benchThreads(text string, given, brief bool) ([]int, error) {
	all := runtime.GOMAXPROCS(0)
	n, err := countOf("--threads", text, given, all, 1024)
	if given || brief || n == 1 {
		return []int{n}, err
	}
	return []int{1, n}, nil
}

// precisionNames are those of --precision: the peers' word for float32, then the engine's for all.
func precisionNames() []string {
	names := []string{"fp32"}
	for _, name := range []string{"bf16", "float32", "float64"} {
		if _, err := engine.ParsePrecision(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func precisionOf(name string) (train.Precision, error) {
	given := name
	if name == "fp32" {
		name = train.Float32.String()
	}
	var precision train.Precision
	if err := precision.UnmarshalText([]byte(name)); err != nil {
		known := precisionNames()
		text := fmt.Sprintf("--precision: found %q, wanted %s", given, strings.Join(known, ", "))
		if near := spec.Nearest(given, known); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		return precision, fmt.Errorf("%s", text)
	}
	return precision, nil
}

// benchOne trains one workload in this process.
func (p *program) benchOne(ctx context.Context, o benchOptions) error {
	set, err := openBench(o.data)
	if err != nil {
		return err
	}
	r, err := o.workloads[0].train(ctx, set, trial{threads: o.threads[0], steps: o.steps, precision: o.precision, called: o.called, first: sinceStart, evaluate: true})
	if err != nil {
		return err
	}
	if o.json {
		return p.printJSON(r.json())
	}
	return p.print(fmt.Sprintf("%s, %s: %s samples/s, %s a step; first step after %s, %s of memory at most; test accuracy %s\n",
		o.workloads[0], countText(o.threads[0], "thread"), report.Rate(r.rate), report.Duration(r.step), report.Duration(r.first), memoryText(r.memory), report.Percent(r.accuracy)))
}

func countText(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Count(n) + " " + what + "s"
}

// benchLine shows on one line of a terminal what is being measured.
type benchLine struct {
	p     *program
	on    bool
	shown int
}

func (l *benchLine) show(format string, args ...any) {
	if !l.on {
		return
	}
	text := report.Clean(fmt.Sprintf(format, args...))
	if most := l.p.columns() - 1; len(text) > most {
		text = text[:max(most, 0)]
	}
	fmt.Fprintf(l.p.stderr, "\r%s%s", text, strings.Repeat(" ", max(0, l.shown-len(text))))
	l.shown = len(text)
}

func (l *benchLine) wipe() {
	if l.shown > 0 {
		fmt.Fprintf(l.p.stderr, "\r%s\r", strings.Repeat(" ", l.shown))
		l.shown = 0
	}
}
