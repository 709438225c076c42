package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/report/plot"
	"github.com/descent-go/descent/run"
)

// Transcripts: each file of testdata has a comment, a line of options, events as a run's log has them, and below ---- what is shown. A \r
// stands for going back to the start of the line, \wipe for a live line that is removed, \e for the escape character of colors.
// go test ./report -update writes them anew; read the difference.

var update = flag.Bool("update", false, "write the transcripts anew")

var wipe = regexp.MustCompile("\r +\r")

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(text), "----\n")
			if !found {
				t.Fatal("no ----")
			}
			got := visible(play(t, input))
			if *update {
				if err := os.WriteFile(file, []byte(input+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("shown:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func visible(s string) string {
	s = wipe.ReplaceAllString(s, `\wipe`+"\n")
	return strings.NewReplacer("\r", "\n\\r", "\x1b", `\e`).Replace(s)
}

// play shows the events of a transcript.
func play(t *testing.T, input string) string {
	t.Helper()
	var out strings.Builder
	var options []report.Option
	var events []run.Event
	show := false
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		if given, ok := strings.CutPrefix(line, "options:"); ok {
			for _, o := range strings.Fields(given) {
				name, value, _ := strings.Cut(o, "=")
				n, _ := strconv.Atoi(value)
				switch name {
				case "live":
					options = append(options, report.Live(true))
				case "color":
					options = append(options, report.Color(true))
				case "width":
					options = append(options, report.Width(n))
				case "show":
					show = true
				default:
					t.Fatalf("option %q", o)
				}
			}
		} else if !strings.HasPrefix(line, "#") {
			var e run.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
	}
	if !show {
		terminal := report.Terminal(&out, options...)
		for _, e := range events {
			terminal.Observe(e)
		}
		return out.String()
	}
	shown := report.Shown{Events: sequence(events, nil), Curves: plot.Curves, Layers: []report.Layer{
		{"dense_1", "dense(64)", "64", 4160, 4096, 256},
		{"relu", "relu", "64", 0, 0, 0},
		{"dense_2", "dense(10)", "10", 650, 640, 40},
	}}
	if err := report.Show(&out, shown, options...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func sequence(events []run.Event, end error) func(func(run.Event, error) bool) {
	return func(yield func(run.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if end != nil {
			yield(run.Event{}, end)
		}
	}
}

func read(t *testing.T, name string) []run.Event {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var events []run.Event
	for line := range strings.Lines(string(text)) {
		if line == "----\n" {
			break
		}
		var e run.Event
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil {
			events = append(events, e)
		}
	}
	return events
}

// Nothing but line ends, returns and our own colors may reach the terminal, whatever the events hold.
func TestNoControlCharacters(t *testing.T) {
	events := read(t, "hostile")
	if len(events) < 5 {
		t.Fatal("no events")
	}
	colors := regexp.MustCompile("\x1b\\[(0|1|2|3[0-9])m")
	check := func(what, s string) {
		t.Helper()
		s = colors.ReplaceAllString(s, "")
		for _, r := range s {
			if r < ' ' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 || r == 0x202e {
				t.Fatalf("%s: %U in %q", what, r, s)
			}
		}
	}
	for _, width := range []int{1, 5, 20, 80, 200} {
		var out strings.Builder
		terminal := report.Terminal(&out, report.Live(true), report.Color(true), report.Width(width))
		for _, e := range events {
			terminal.Observe(e)
		}
		check("terminal", out.String())
		out.Reset()
		if err := report.Show(&out, report.Shown{Events: sequence(events, nil), Curves: plot.Curves}, report.Width(width)); err != nil {
			t.Fatal(err)
		}
		check("show", out.String())
	}
}

// The live line never reaches the last column, so that the terminal never wraps it.
func TestLiveLineFits(t *testing.T) {
	for width := 4; width < 150; width++ {
		w := &lines{}
		terminal := report.Terminal(w, report.Live(true), report.Width(width))
		for _, e := range read(t, "live") {
			if e.Type != "start" && e.Type != "done" {
				terminal.Observe(e)
			}
		}
		drawn := 0
		for _, text := range w.written {
			if line, ok := strings.CutPrefix(text, "\r"); ok && !strings.Contains(line, "\n") {
				drawn++
				if n := len([]rune(line)); n >= width {
					t.Fatalf("width %d: %d cells: %q", width, n, line)
				}
			}
		}
		if drawn < 10 {
			t.Fatalf("width %d: %d live lines", width, drawn)
		}
	}
}

// The live line is drawn at most ten times a second, and at once after a pause.
func TestLiveLineIsCalm(t *testing.T) {
	w := &lines{}
	terminal := report.Terminal(w, report.Live(true))
	at := time.Unix(1000, 0)
	for i := range 1000 { // ten seconds
		terminal.Observe(run.Event{Type: "step", Step: uint64(i), Time: at.Add(time.Duration(i) * 10 * time.Millisecond), Data: map[string]any{"train/loss": 1.0}})
	}
	if n := len(w.written); n < 95 || n > 101 {
		t.Errorf("%d updates in ten seconds", n)
	}
}

// Where the terminal becomes narrower than the live line, that line is left behind; rows of the table follow the width.
func TestResize(t *testing.T) {
	w, width := &lines{}, 100
	terminal := report.Terminal(w, report.Live(true), report.WidthFunc(func() int { return width }))
	for _, e := range read(t, "live") {
		if e.Step == 70 {
			width = 50
		}
		terminal.Observe(e)
	}
	text := strings.Join(w.written, "")
	_, after, found := strings.Cut(text, "\n\r  epoch 2/3  loss")
	if !found {
		t.Fatalf("no new live line in\n%q", text)
	}
	if strings.Count(after, "epoch") < 3 || strings.Contains(after, "samples/s  ") {
		t.Errorf("want a head without the column of speed in\n%s", after)
	}
	for line := range strings.Lines(strings.ReplaceAll(after, "\r", "\n")) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 50 && !strings.Contains(line, "Done") {
			t.Errorf("%d cells: %q", n, line)
		}
	}
}

// With the start event of the run that it goes on with, a resumed run's report names the folder.
func TestBegun(t *testing.T) {
	var out strings.Builder
	terminal := report.Terminal(&out, report.Begun(read(t, "live")[0]))
	for _, e := range read(t, "elsewhere") {
		terminal.Observe(e)
	}
	for _, want := range []string{"digits-1 goes on at epoch 1.11", "at epoch 2.02 of 3", "descent resume runs/digits-1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Count(out.String(), "epoch     step") != 1 {
		t.Errorf("want one head of the table in\n%s", out.String())
	}
}

// Epochs that no run has must not keep the process busy.
func TestAbsurdNumbers(t *testing.T) {
	for _, epoch := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1e300, 1e300, 7e18, 1e15, -5} {
		terminal := report.Terminal(io.Discard, report.Live(true), report.Width(80))
		for _, kind := range []string{"start", "step", "eval", "step", "failed", "stop", "done"} {
			terminal.Observe(run.Event{Type: kind, Epoch: epoch, Step: math.MaxUint64, Data: map[string]any{"epochs": epoch, "steps": epoch, "steps_per_epoch": epoch,
				"time/seconds": epoch, "optimizer/lr": epoch, "memory": epoch, "seconds": epoch, "samples_per_second": epoch, "accuracy": epoch, "accuracy_low": epoch}})
		}
		terminal.Observe(run.Event{Type: "start", Data: map[string]any{"epochs": 3}})
		terminal.Observe(run.Event{Type: "step", Epoch: epoch})
		terminal.Observe(run.Event{Type: "step", Epoch: epoch, Time: time.Unix(5, 0)})
	}
}

type lines struct{ written []string }

func (l *lines) Write(p []byte) (int, error) {
	l.written = append(l.written, string(p))
	return len(p), nil
}

// A terminal of 80 columns holds every line of a usual run.
func TestEightyColumns(t *testing.T) {
	var out strings.Builder
	terminal := report.Terminal(&out, report.Width(80))
	for _, e := range read(t, "live") {
		terminal.Observe(e)
	}
	if !strings.Contains(out.String(), "samples/s") {
		t.Error("the column of speed is missing")
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d cells: %s", n, line)
		}
	}
}

type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, io.ErrClosedPipe
}

func TestWriteErrorsAreIgnored(t *testing.T) {
	w := &broken{}
	terminal := report.Terminal(w, report.Live(true))
	for _, e := range read(t, "live") {
		terminal.Observe(e)
	}
	if w.writes != 1 {
		t.Errorf("%d writes, want none after the first error", w.writes)
	}
}

// Standard output closed by its reader ends a Go process by SIGPIPE; not one with a Terminal. The process is this test once more.
func TestClosedPipe(t *testing.T) {
	if os.Getenv("REPORT_TEST_CHILD") != "" {
		terminal := report.Terminal(os.Stdout)
		for range 100 {
			for _, e := range read(t, "live") {
				terminal.Observe(e)
			}
		}
		_, _ = os.Stderr.WriteString("the run is over")
		os.Exit(0)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	var said bytes.Buffer
	child := exec.Command(os.Args[0], "-test.run=^TestClosedPipe$")
	child.Env = append(os.Environ(), "REPORT_TEST_CHILD=1")
	child.Stdout, child.Stderr = w, &said
	if err := child.Run(); err != nil || said.String() != "the run is over" {
		t.Errorf("the process ended with %v, having said %q", err, said.String())
	}
}

// The curve of a long run keeps its place and its mean with bounded memory.
func TestLongCurve(t *testing.T) {
	const steps = 9000
	var events []run.Event
	for i := 1; i <= steps; i++ {
		events = append(events, run.Event{Type: "step", Step: uint64(i), Epoch: float64(i) / 1000, Data: map[string]any{"train/loss": float64(i)}})
	}
	var got report.Curve
	shown := report.Shown{Events: sequence(events, nil), Curves: func(title string, c []report.Curve, width int, color bool) string {
		got = c[0]
		return ""
	}}
	if err := report.Show(io.Discard, shown); err != nil {
		t.Fatal(err)
	}
	if n := len(got.X); n < 1000 || n >= 4000 || got.X[0] > 0.01 || got.X[n-1] < 8.99 {
		t.Fatalf("%d points from %v to %v", n, got.X[0], got.X[n-1])
	}
	for i := range got.X {
		if math.Abs(got.Y[i]-1000*got.X[i]) > 1e-6 || i > 0 && got.X[i] <= got.X[i-1] {
			t.Fatalf("point %d is %v, %v", i, got.X[i], got.Y[i])
		}
	}
}

// Events straight from training hold Go values, those from the log what JSON gives: both are shown alike.
func TestGoValues(t *testing.T) {
	typed := []run.Event{
		{Type: "start", Data: map[string]any{"task": "classification", "rows": map[string]int{"train": 1440, "validation": 180}, "classes": []string{"a", "b"},
			"parameters": 4810, "batch": int64(32), "epochs": uint8(3), "steps": uint64(135), "seed": uint64(1<<63 + 1), "memory": float32(1e6)}},
		{Type: "done", Step: 135, Epoch: 3, Data: map[string]any{"accuracy": 0.9, "confusion": [][]int{{8, 2}, {0, 9}},
			"per_class": []map[string]any{{"class": "a", "rows": 10, "recall": 0.8}}}},
	}
	play := func(through bool) string {
		var out strings.Builder
		terminal := report.Terminal(&out)
		for _, e := range typed {
			if through {
				line, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				e = run.Event{}
				if err := json.Unmarshal(line, &e); err != nil {
					t.Fatal(err)
				}
			}
			terminal.Observe(e)
		}
		return out.String()
	}
	direct, stored := play(false), play(true)
	if direct != stored {
		t.Errorf("direct:\n%s\nstored:\n%s", direct, stored)
	}
	for _, want := range []string{`"a" 80.0 % of 10`, `"a" taken for "b": 2 of 10 rows`, "9223372036854775809", "1,440 train"} {
		if !strings.Contains(direct, want) {
			t.Errorf("%q is missing in\n%s", want, direct)
		}
	}
}

func TestShowGivesTheErrorAndWhatItRead(t *testing.T) {
	var out strings.Builder
	broken := errors.New("line 7: not an event")
	err := report.Show(&out, report.Shown{Events: sequence(read(t, "pipe")[:20], broken)})
	if !errors.Is(err, broken) || !strings.Contains(out.String(), "digits-1") {
		t.Errorf("error %v, shown:\n%s", err, out.String())
	}
}

func FuzzTerminal(f *testing.F) {
	for _, name := range []string{"hostile", "sparse", "regression"} {
		for _, e := range read2(name) {
			f.Add(e, 80)
		}
	}
	f.Fuzz(func(t *testing.T, line string, width int) {
		var e run.Event
		if json.Unmarshal([]byte(line), &e) != nil {
			return
		}
		start := run.Event{Type: "start", Data: map[string]any{"task": "classification", "epochs": 3.0, "steps": 10.0, "classes": []string{"a"}}}
		events := []run.Event{start, e, e, {Type: "step", Step: 1 << 63, Epoch: e.Epoch, Time: e.Time}, {Type: "eval", Data: e.Data}, {Type: "done", Data: e.Data}}
		terminal := report.Terminal(io.Discard, report.Live(true), report.Width(width%300))
		for _, e := range events {
			terminal.Observe(e)
		}
		_ = report.Show(io.Discard, report.Shown{Events: sequence(events, nil), Curves: plot.Curves}, report.Width(width%300))
	})
}

func read2(name string) (lines []string) {
	text, _ := os.ReadFile("testdata/" + name + ".txt")
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "{") {
			lines = append(lines, line)
		}
	}
	return lines
}
