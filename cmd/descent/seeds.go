package main

// --seeds: the same training with several seeds, for what one run cannot tell: how much of its result is luck.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/internal/stats"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

// maxSeeds bounds what is surely a mistake.
const maxSeeds = 10_000

// countOfSeeds is the argument of --seeds; 0: not given.
func countOfSeeds(c *cobra.Command, text string) (int, error) {
	if !c.Flags().Changed("seeds") {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 1 || v > maxSeeds {
		return 0, fmt.Errorf("--seeds: found %s, wanted a whole number in [1, %d]", text, maxSeeds)
	}
	return int(v), nil
}

// trainSeeds trains once a seed, each run in a folder of its own inside one.
func (p *program) trainSeeds(ctx context.Context, c train.Config, out string, n int, o outputFlags) error {
	if c.Seed > math.MaxUint64-uint64(n-1) {
		return fmt.Errorf("--seed: found %d, wanted at most %d, so that %d seeds follow each other", c.Seed, uint64(math.MaxUint64)-uint64(n-1), n)
	}
	// What is wrong with the configuration is said before a folder is made.
	if _, err := train.Check(c); err != nil {
		return err
	}
	root, err := inNewFolder(out, c.Data, makeFolder)
	if err != nil {
		return err
	}
	ignoreBrokenPipe()
	s := series{p: p, config: c, root: root, n: n, output: o, summary: report.SeedSummary{Score: "accuracy", Part: "test"}}
	if !o.json && !o.quiet {
		fmt.Fprintf(p.stdout, "descent  %s: %d seeds on %s\n", report.Clean(root), n, report.Clean(c.Data))
	}
	for k := range n {
		if err := s.train(ctx, c.Seed+uint64(k)); err != nil {
			s.tell()
			return err
		}
	}
	s.tell()
	if s.failed > 0 {
		return fmt.Errorf("%d of %d seeds failed, the first: %s", s.failed, n, s.first)
	}
	return nil
}

func makeFolder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--out: %q exists (%w); name another folder", dir, fs.ErrExist)
	}
	return err
}

// series is several trainings that differ in the seed alone.
type series struct {
	p       *program
	config  train.Config
	root    string
	n       int
	output  outputFlags
	summary report.SeedSummary
	lines   []map[string]any
	failed  int
	first   string
}

// train does one of them. An error ends the series: a signal. A training that fails is part of the result.
func (s *series) train(ctx context.Context, seed uint64) error {
	c := s.config
	c.Seed = seed
	dir := filepath.Join(s.root, fmt.Sprintf("seed-%d", seed))
	end := &ending{signals: s.p.signals}
	observers := []run.Observer{end}
	var live *seedLine
	switch {
	case s.output.json && !s.output.quiet:
		observers = append(observers, &jsonLines{w: s.p.stdout, seed: &seed})
	case !s.output.json && !s.output.quiet:
		live = &seedLine{p: s.p, on: isTerminal(s.p.stdout) && os.Getenv("TERM") != "dumb", what: fmt.Sprintf("seed %d (%d of %d)", seed, seed-s.config.Seed+1, s.n)}
		observers = append(observers, live)
	}
	result, err := train.Run(ctx, c, dir, observers...)
	s.p.signals.training.Store(false)
	if live != nil {
		live.end()
	}
	var stop *stopSignal
	if errors.As(err, &stop) {
		left := fmt.Sprintf("%d of %d", seed-s.config.Seed+1, s.n)
		text := ""
		if end.last.Type == "stop" {
			text = "; go on with this seed: descent resume " + shellWord(dir)
		}
		fmt.Fprintf(s.p.stderr, "descent: stopped by %s at seed %d, %s%s\n", stop.name, seed, left, text)
		return err
	}
	r := report.SeedResult{Seed: seed, Dir: dir, Score: math.NaN(), Loss: math.NaN()}
	line := map[string]any{"seed": seed, "dir": dir}
	if err != nil {
		r.Error = err.Error()
		line["error"] = r.Error
		if s.failed++; s.first == "" {
			s.first = r.Error
		}
	} else {
		metrics := result.Scores.Metrics()
		if _, ok := metrics["accuracy"]; !ok {
			s.summary.Score = "r2"
		}
		s.summary.Part = result.Scores.Part
		r.Score, r.Loss, r.Seconds = metrics[s.summary.Score], metrics["loss"], result.Seconds
		for name, v := range metrics {
			line[name] = v
		}
		line["seconds"] = r.Seconds
		if live != nil {
			live.say(fmt.Sprintf("  seed %d: %s, %s", seed, scoreText(s.summary.Score, r.Score), report.Duration(seconds(r.Seconds))))
		}
	}
	s.summary.Results = append(s.summary.Results, r)
	s.lines = append(s.lines, line)
	return nil
}

func scoreText(name string, v float64) string {
	if name == "accuracy" {
		return "accuracy " + report.Percent(v)
	}
	return "R2 " + report.Number(v)
}

// tell says what the finished seeds came to.
func (s *series) tell() {
	var scores, losses []float64
	for _, r := range s.summary.Results {
		if r.Error == "" {
			scores, losses = append(scores, r.Score), append(losses, r.Loss)
		}
	}
	mean := stats.Mean(scores, 0.95)
	// Neither score can be over 1, nor an accuracy below 0; the interval of few scores near the end does not know that.
	mean.High = min(mean.High, 1)
	if s.summary.Score == "accuracy" {
		mean.Low = max(mean.Low, 0)
	}
	s.summary.Mean, s.summary.Low, s.summary.High = mean.Mean, mean.Low, mean.High
	switch {
	case s.output.json:
		name := s.summary.Score
		object := map[string]any{"type": "seeds", "dir": s.root, "part": s.summary.Part, "seeds": len(scores), "runs": s.lines}
		if len(scores) > 0 {
			object[name], object[name+"_low"], object[name+"_high"], object[name+"_sd"] = mean.Mean, mean.Low, mean.High, mean.SD
			object["loss"] = stats.Mean(losses, 0.95).Mean
		}
		_ = s.p.printJSON(object)
	case s.output.quiet && len(scores) > 0:
		_ = s.p.print(fmt.Sprintf("%s on %s, mean of %d seeds (95 %% interval %s): %s\n", scoreText(s.summary.Score, mean.Mean), report.Clean(s.summary.Part), len(scores), s.interval(), report.Clean(s.root)))
	case !s.output.quiet && len(s.summary.Results) > 0:
		fmt.Fprintln(s.p.stdout)
		report.Seeds(s.p.stdout, s.summary)
	}
}

func (s *series) interval() string {
	if s.summary.Score == "accuracy" {
		return report.PercentRange(s.summary.Low, s.summary.High)
	}
	return report.Number(s.summary.Low) + " to " + report.Number(s.summary.High)
}

// seedLine shows how far one of several trainings is, in place, on a terminal.
type seedLine struct {
	p      *program
	on     bool
	what   string
	epochs float64
	drawn  time.Time
	length int
}

// Observe implements run.Observer.
func (l *seedLine) Observe(e run.Event) {
	if v, ok := e.Number("epochs"); ok && e.Type == "start" {
		l.epochs = v
	}
	if !l.on || e.Type != "step" || e.Time.Sub(l.drawn) < 100*time.Millisecond {
		return
	}
	l.drawn = e.Time
	text := fmt.Sprintf("  %s: epoch %.1f", l.what, e.Epoch)
	if l.epochs > 0 {
		text += fmt.Sprintf(" of %.0f", l.epochs)
	}
	l.draw(text)
}

func (l *seedLine) draw(text string) {
	if !l.on {
		return
	}
	fmt.Fprintf(l.p.stdout, "\r%-*s", l.length, text)
	l.length = len(text)
}

// end removes the line.
func (l *seedLine) end() {
	if l.on && l.length > 0 {
		fmt.Fprintf(l.p.stdout, "\r%*s\r", l.length, "")
		l.length = 0
	}
}

// say writes a line that stays, where there is no line in place.
func (l *seedLine) say(text string) {
	if !l.on {
		_ = l.p.print(text + "\n")
	}
}
