package main

// descent bench --peers: descent, PyTorch and JAX train the same workloads on this machine, each in a process of its own, in turn, so that
// what the machine does otherwise meets all of them. The peers are run by two small scripts that are inside this program.

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/limits"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/train"
)

//go:embed bench_torch.py
var torchScript []byte

//go:embed bench_jax.py
var jaxScript []byte

// peer is a framework that can be run beside descent.
type peer struct {
	name     string // PyTorch
	module   string // what Python imports
	variable string // of the environment, that names a Python
	script   []byte
	forms    []string
	python   string // found; "" if not
	missing  string // why not
}

func peers() []peer {
	return []peer{
		{name: "PyTorch", module: "torch", variable: "TORCH_PYTHON", script: torchScript, forms: []string{"eager", "fused", "compile"}},
		{name: "JAX", module: "jax", variable: "JAX_PYTHON", script: jaxScript, forms: []string{"step", "scan"}},
	}
}

// find looks for a Python that has the peer.
func (r *peer) find(ctx context.Context) {
	python := os.Getenv(r.variable)
	if python == "" {
		python = "python3"
	}
	path, err := exec.LookPath(python)
	if err != nil {
		r.missing = fmt.Sprintf("there is no program %q; set %s to a Python that has %s", python, r.variable, r.name)
		return
	}
	if out, err := exec.CommandContext(ctx, path, "-c", "import "+r.module).CombinedOutput(); err != nil {
		why := lastLine(out)
		if why == "" {
			why = err.Error()
		}
		r.missing = fmt.Sprintf("%s can't import %s (%s); set %s to a Python that has %s", python, r.module, why, r.variable, r.name)
		return
	}
	r.python = path
}

// contest is a comparison under way.
type contest struct {
	p      *program
	o      benchOptions
	live   *benchLine
	peers  []peer
	folder string // of images
	own    string // this program
	tmp    string
	lines  []outcome
	limit  map[int]float64 // of multiply-adds by threads: the largest that was met
	trips  map[string][]float64
}

// outcome is one run of one contestant, with the keys of the line that it printed.
type outcome struct {
	Peer      string   `json:"peer"`
	Workload  string   `json:"workload"`
	Threads   int      `json:"threads"`
	Precision string   `json:"precision"`
	Samples   float64  `json:"samples_per_s"`
	StepUS    float64  `json:"step_us"`
	Memory    *float64 `json:"rss_mb"`
	First     *float64 `json:"first_step_s"`
	Steps     int      `json:"steps"`
	Loss      *float64 `json:"loss"`
	Accuracy  *float64 `json:"test_acc"`
	ours      bool
}

func (p *program) benchPeers(ctx context.Context, o benchOptions, live *benchLine) error {
	if o.called != "fp32" && o.called != "bf16" {
		return fmt.Errorf("--precision: found %s, wanted fp32 or bf16 beside peers", o.called)
	}
	if runtime.GOOS != "linux" {
		return errors.New("--peers: the peers' scripts read the time of their start as Linux tells it; on this system compare by hand")
	}
	t := contest{p: p, o: o, live: live, peers: peers(), limit: map[int]float64{}, trips: map[string][]float64{}}
	found := false
	var missing []string
	for i := range t.peers {
		live.show("looking for %s", t.peers[i].name)
		t.peers[i].find(ctx)
		if found = found || t.peers[i].python != ""; t.peers[i].python == "" {
			missing = append(missing, t.peers[i].name+": "+t.peers[i].missing)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	live.wipe()
	if !found {
		return fmt.Errorf("--peers: no peer is here to compare with. %s. Install one with: python3 -m venv env && env/bin/pip install torch jax", strings.Join(missing, ". "))
	}
	for _, m := range missing {
		fmt.Fprintln(p.stderr, "descent: left out "+report.Clean(m))
	}
	var err error
	if t.own, err = os.Executable(); err != nil {
		return err
	}
	if t.tmp, err = os.MkdirTemp("", "descent-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.tmp)
	if err := t.images(); err != nil {
		return err
	}
	if err := t.run(ctx); err != nil {
		return err
	}
	live.wipe()
	if o.json {
		return p.printJSON(t.json())
	}
	return t.tell()
}

// images finds the folder that all contestants read.
func (t *contest) images() error {
	if t.o.data != "" {
		if _, err := openBench(t.o.data); err != nil {
			return err
		}
		if info, err := os.Stat(t.o.data); err == nil && info.IsDir() {
			t.folder, err = filepath.Abs(t.o.data)
			return err
		}
	}
	cache, err := data.CacheDir()
	if err != nil {
		return err
	}
	name := t.o.data
	if name == "" {
		name = "mnist"
	}
	t.folder = filepath.Join(cache, name)
	if info, err := os.Stat(t.folder); err == nil && info.IsDir() {
		return nil
	}
	if t.o.data != "" {
		return fmt.Errorf("--data: %q is no folder; beside peers a folder with the four files of MNIST is wanted, packed or not", t.o.data)
	}
	t.folder = filepath.Join(t.tmp, "images")
	fmt.Fprintln(t.p.stderr, "descent: MNIST is not here (descent data get mnist): all train on made-up images of its shape, whose accuracy says little")
	return writeImages(t.folder, 60000, 10000)
}

// run lets all contestants have their turns.
func (t *contest) run(ctx context.Context) error {
	set, err := engine.Kernels()
	if err != nil {
		return err
	}
	for round := range t.o.rounds {
		for _, w := range t.o.workloads {
			for _, threads := range t.o.threads {
				gauge, err := limits.New(set, threads)
				if err != nil {
					return err
				}
				t.measure(gauge, w, threads)
				turn := func(name string, ours bool, command ...string) error {
					t.live.show("round %d of %d: %s, %s, %s", round+1, t.o.rounds, w.name, countText(threads, "thread"), name)
					return t.turn(ctx, name, ours, command...)
				}
				steps := t.o.steps
				if steps == 0 {
					steps = w.steps
				}
				err = turn("descent", true, t.own, "bench", w.name, "--threads", strconv.Itoa(threads), "--precision", t.o.called, "--steps", strconv.Itoa(steps), "--data", t.folder, "--json")
				for _, r := range t.peers {
					for _, form := range r.forms {
						if err == nil && r.python != "" {
							script := filepath.Join(t.tmp, "bench_"+r.module+".py")
							if err = os.WriteFile(script, r.script, 0o600); err == nil {
								err = turn(r.name+" "+form, false, r.python, script, w.name, strconv.Itoa(threads), form, t.o.called, strconv.Itoa(steps), t.folder)
							}
						}
					}
				}
				t.measure(gauge, w, threads)
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// measure takes the limit and the round trip beside the turns.
func (t *contest) measure(g *limits.Gauge, w workload, threads int) {
	t.limit[threads] = max(t.limit[threads], productLimit(g, t.o.precision))
	if threads > 1 {
		t.trips[w.name] = append(t.trips[w.name], limits.RoundTrip())
	}
}

// turnTime bounds one run of one contestant.
const turnTime = 10 * time.Minute

// turn runs one contestant and keeps its result. A peer that fails is said and left out; descent that fails is an error.
func (t *contest) turn(ctx context.Context, name string, ours bool, command ...string) error {
	bounded, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	c := exec.CommandContext(bounded, command[0], command[1:]...)
	c.WaitDelay = time.Second
	// Set on some machines for old builds of OpenBLAS, they slow a current one.
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OPENBLAS_CORETYPE=") || strings.HasPrefix(v, "OPENBLAS_L2_SIZE=")
	})
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r, ok := lastResult(out.Bytes())
	if err == nil && ok {
		r.ours = ours
		t.lines = append(t.lines, r)
		return nil
	}
	why := lastLine(errs.Bytes())
	if why == "" {
		why = fmt.Sprint("it ended without a result: ", err)
	}
	if ours {
		return fmt.Errorf("descent itself failed: %s", strings.TrimPrefix(why, "descent: "))
	}
	t.live.wipe()
	fmt.Fprintf(t.p.stderr, "descent: left out %s: %s\n", name, report.Clean(why))
	return nil
}

// lastResult is the last line of an output that begins with a brace.
func lastResult(out []byte) (outcome, bool) {
	var r outcome
	lines := bytes.Split(out, []byte("\n"))
	for _, line := range slices.Backward(lines) {
		if bytes.HasPrefix(line, []byte("{")) {
			err := json.Unmarshal(line, &r)
			return r, err == nil && r.Samples > 0 && !math.IsInf(r.Samples, 0)
		}
	}
	return r, false
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	const most = 200
	line := strings.TrimSpace(lines[len(lines)-1])
	return line[:min(len(line), most)]
}

// standing is a contestant at one workload and number of threads: the medians of its turns.
type standing struct {
	outcome
	share, ratio float64 // of the limit; to the best peer, of descent only
}

// standings are all, the fastest first within a workload and number of threads.
func (t *contest) standings() []standing {
	type key struct {
		workload, peer string
		threads        int
	}
	groups := map[key][]outcome{}
	var order []key
	for _, r := range t.lines {
		k := key{r.Workload, r.Peer, r.Threads}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	var list []standing
	for _, k := range order {
		runs := groups[k]
		slices.SortFunc(runs, func(a, b outcome) int { return int(math.Copysign(1, a.Samples-b.Samples)) })
		s := standing{outcome: runs[len(runs)/2]}
		if w, err := workloadOf(k.workload); err == nil && t.limit[k.threads] > 0 {
			s.share = s.Samples * w.flop() / t.limit[k.threads]
		}
		list = append(list, s)
	}
	best := func(of standing) float64 {
		rate := 0.0
		for _, s := range list {
			if !s.ours && s.Workload == of.Workload && s.Threads == of.Threads {
				rate = max(rate, s.Samples)
			}
		}
		return rate
	}
	for i := range list {
		if rival := best(list[i]); list[i].ours && rival > 0 {
			list[i].ratio = list[i].Samples / rival
		}
	}
	slices.SortStableFunc(list, func(a, b standing) int {
		switch {
		case a.Workload != b.Workload:
			return strings.Compare(a.Workload, b.Workload)
		case a.Threads != b.Threads:
			return a.Threads - b.Threads
		}
		return int(math.Copysign(1, b.Samples-a.Samples))
	})
	return list
}

func (t *contest) trip(workload string) float64 {
	trips := slices.Sorted(slices.Values(t.trips[workload]))
	if len(trips) == 0 {
		return 0
	}
	return trips[len(trips)/2]
}

func (t *contest) tell() error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "descent %s beside its peers on %s, %s, %s; shares are of the multiply-add limit\n\n", release(), report.Clean(train.CPU()), countText(runtime.NumCPU(), "core"), t.o.called)
	table := report.Table{Columns: []report.Column{{Name: "workload"}, {Name: "threads", Right: true}, {Name: "who"}, {Name: "samples/s", Right: true}, {Name: "share", Right: true},
		{Name: "to best peer", Right: true}, {Name: "MB", Right: true}, {Name: "first step", Right: true}, {Name: "accuracy", Right: true}, {Name: "round trip", Right: true}}}
	number := func(v *float64, format string) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf(format, *v)
	}
	for _, s := range t.standings() {
		who, ratio, trip := report.Clean(s.Peer), "", ""
		if s.ours {
			who = "* " + who
			if s.ratio > 0 {
				ratio = fmt.Sprintf("%.2fx", s.ratio)
			}
			if s.Threads > 1 {
				trip = nanoseconds(t.trip(s.Workload))
			}
		}
		table.Rows = append(table.Rows, []string{s.Workload, strconv.Itoa(s.Threads), who, report.Count(int(s.Samples)), shareText(s.share), ratio,
			number(s.Memory, "%.0f"), number(s.First, "%.2f s"), number(s.Accuracy, "%.4f"), trip})
	}
	if err := table.Text(&b); err != nil {
		return err
	}
	return t.p.print(b.String())
}

func (t *contest) json() map[string]any {
	list := []any{}
	for _, s := range t.standings() {
		o := map[string]any{"peer": s.Peer, "workload": s.Workload, "threads": s.Threads, "precision": s.Precision, "samples_per_s": s.Samples, "step_us": s.StepUS, "rss_mb": s.Memory,
			"first_step_s": s.First, "steps": s.Steps, "loss": s.Loss, "test_acc": s.Accuracy, "share": orNil(rounded(s.share, 4)), "ours": s.ours}
		if s.ours {
			o["to_best_peer"], o["round_trip_ns"] = orNil(rounded(s.ratio, 3)), orNil(math.Round(t.trip(s.Workload)))
		}
		list = append(list, o)
	}
	limit := []any{}
	for _, n := range t.o.threads {
		limit = append(limit, map[string]any{"threads": n, "flops": orNil(math.Round(t.limit[n]))})
	}
	return map[string]any{"type": "bench", "version": release(), "cpu": train.CPU(), "cores": runtime.NumCPU(), "rounds": t.o.rounds, "limits": map[string]any{"multiply_adds": limit}, "contestants": list}
}
