package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/engine"
)

// This file holds what the tests share: a keeper whose content tells its step, and the child processes that hold locks and are killed.

const childVariable = "DESCENT_RUN_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		child(what, os.Args[len(os.Args)-1])
		return
	}
	os.Exit(m.Run())
}

// child is the other process. It prints one line when it is ready.
func child(what, dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	switch what {
	case "lock": // holds the lock until its standard input ends
		_, err := Open(dir)
		fail(err)
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	case "save": // goes on and saves until it is killed
		f, err := Open(dir)
		fail(err)
		s := &state{}
		c, err := f.Latest(s.keepers())
		if !errors.Is(err, ErrNoCheckpoint) {
			fail(err)
		}
		for step := c.Step + 1; ; step++ {
			fail(f.Append(event(step)))
			s.set(step)
			_, err := f.Save(step, s.keepers())
			fail(err)
			if step == c.Step+1 {
				fmt.Println("ready") // so that every round gets on, however busy the machine is
			}
			_, err = f.SaveBest(step, s.keepers())
			fail(err)
		}
	case "permission": // tries all doors of a folder that it may not write
		_, err := Create(filepath.Join(dir, "new"), []byte("{}"))
		fmt.Println("create:", err)
		_, err = Open(filepath.Join(dir, "run"))
		fmt.Println("open:", err)
		f, err := View(filepath.Join(dir, "run"))
		fmt.Println("view:", err)
		if err == nil {
			_, err := f.Latest((&state{}).keepers())
			fmt.Println("latest:", err)
		}
	}
}

// start runs this test binary as a child and waits until it is ready.
func start(t *testing.T, what, dir string) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("child %s: %q, %v", what, line, err)
	}
	return cmd, in
}

// state is two keepers whose numbers all say the step, so that a mixture of two states shows.
type state struct {
	weights vector
	rule    vector
}

type vector struct {
	size int // of the two tensors
	step uint64
}

func (s *state) set(step uint64) { s.weights.step, s.rule.step = step, step }

func (s *state) keepers() map[string]engine.Keeper {
	return map[string]engine.Keeper{"weights": &s.weights, "optimizer": &s.rule}
}

func (v *vector) Keep() []engine.Tensor {
	n := v.size
	if n == 0 {
		n = 500
	}
	a, b := make([]float32, n), make([]float64, n)
	for i := range n {
		a[i], b[i] = float32(v.step), float64(v.step)
	}
	return []engine.Tensor{
		{Name: "z", Shape: engine.Shape{n}, F32: a},
		{Name: "a/weight", Shape: engine.Shape{n}, F64: b},
		{Name: "count", F64: []float64{float64(v.step)}},
		{Name: "bytes", Shape: engine.Shape{2}, U8: []byte{byte(v.step), 7}},
	}
}

func (v *vector) Restore(tensors []engine.Tensor) error {
	names := []string{}
	for _, t := range tensors {
		names = append(names, t.Name)
	}
	if !slices.Equal(names, []string{"z", "a/weight", "count", "bytes"}) {
		return fmt.Errorf("tensors are %q", names)
	}
	step := tensors[2].F64[0]
	for _, t := range tensors[:3] {
		for i := range t.Len() {
			if t.At(i) != step {
				return fmt.Errorf("%s[%d] is %v, the step %v: a mixture", t.Name, i, t.At(i), step)
			}
		}
	}
	v.step = uint64(step)
	return nil
}

// event is the one of a step in the tests.
func event(step uint64) Event {
	return Event{Type: "step", Step: step, Epoch: float64(step) / 10, Time: time.Unix(int64(step), 0).UTC(), Data: map[string]any{"train/loss": 1 / float64(step)}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails unless err says all of texts.
func wants(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error is\n%v\nwant it to say %q", err, text)
		}
	}
}

// make1 is a run with saved checkpoints of steps 1 and 2.
func make1(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, []byte(`{"seed":1}`))
	check(t, err)
	s := &state{}
	for step := uint64(1); step <= 2; step++ {
		check(t, f.Append(event(step)))
		s.set(step)
		_, err := f.Save(step, s.keepers())
		check(t, err)
	}
	check(t, f.Close())
	return dir
}

// whole opens a folder for going on and restores it: the state is of one step, the events are those up to that step, no temporary file is
// left.
func whole(t *testing.T, dir string) Checkpoint {
	t.Helper()
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	s := &state{}
	c, err := f.Latest(s.keepers())
	if err != nil {
		t.Fatalf("nothing to go on from: %v", err)
	}
	if s.weights.step != c.Step || s.rule.step != c.Step {
		t.Fatalf("weights of step %d, optimizer of step %d, checkpoint of step %d", s.weights.step, s.rule.step, c.Step)
	}
	want := uint64(1)
	for e, err := range f.Events() {
		check(t, err)
		if e.Type != "step" {
			continue
		}
		if e.Step != want {
			t.Fatalf("event of step %d where %d is wanted", e.Step, want)
		}
		want++
	}
	if want != c.Step+1 {
		t.Fatalf("events up to step %d, checkpoint of step %d", want-1, c.Step)
	}
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		check(t, err)
		if strings.HasPrefix(filepath.Base(path), temporary) {
			t.Errorf("%s is left", path)
		}
		return nil
	})
	return c
}

func TestCreate(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a", "b", "run")
	f, err := Create(dir+"/", []byte(`{"seed":7}`))
	check(t, err)
	if f.Dir() != dir {
		t.Errorf("folder is %q", f.Dir())
	}
	config := f.Config()
	config[0] = 'x'
	if got := string(f.Config()); got != `{"seed":7}` {
		t.Errorf("configuration is %s", got)
	}
	_, err = Create(dir, []byte(`{}`))
	wants(t, err, dir, "--out", "descent resume")
	if !errors.Is(err, fs.ErrExist) {
		t.Error("not fs.ErrExist")
	}
	_, err = f.Latest(nil)
	if !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("latest of an empty run: %v", err)
	}
	_, err = f.Best(nil)
	if !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("best of an empty run: %v", err)
	}
	check(t, f.Close())
	check(t, f.Close())
	if err := f.Append(event(1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}

	_, err = Create(filepath.Join(root, "bad"), []byte(`{"seed"`))
	wants(t, err, "not JSON")
	_, err = Create(filepath.Join(root, "big"), []byte(`"`+strings.Repeat("x", maxConfig)+`"`))
	wants(t, err, "bytes, want at most")
	_, err = View(filepath.Join(root, "none"))
	wants(t, err, "none", "descent train")
	_, err = Open(root)
	wants(t, err, root, "no run")
	if entries, _ := os.ReadDir(root); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestViewChangesNothing(t *testing.T) {
	dir := make1(t)
	path := filepath.Join(dir, eventsFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	f.WriteString(`{"type":"step","st`)
	f.Close()
	before, _ := os.ReadFile(path)

	v, err := View(dir)
	check(t, err)
	s := &state{}
	c, err := v.Latest(s.keepers())
	check(t, err)
	if c.Step != 2 || s.weights.step != 2 {
		t.Errorf("step %d", c.Step)
	}
	n := 0
	for _, err := range v.Events() {
		check(t, err)
		n++
	}
	if n != 2 {
		t.Errorf("%d events, want the 2 whole ones", n)
	}
	_, saving := v.Save(3, s.keepers())
	for _, err := range []error{v.Append(event(3)), saving, v.Attach("x", nil), v.WriteModel(nil, nil)} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("view took a change: %v", err)
		}
	}
	check(t, v.Close())
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("view changed the events")
	}
	whole(t, dir)
}

func TestViewOfGrowingRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, []byte(`{}`))
	check(t, err)
	defer f.Close()
	v, err := View(dir)
	check(t, err)
	defer v.Close()
	for step := uint64(1); step <= 3; step++ {
		check(t, f.Append(event(step)))
		n := uint64(0)
		for e, err := range v.Events() {
			check(t, err)
			n = e.Step
		}
		if n != step {
			t.Errorf("reader sees step %d, written %d", n, step)
		}
	}
}

func TestAttachments(t *testing.T) {
	dir := make1(t)
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	in := []engine.Tensor{
		{Name: "half", Shape: engine.Shape{2, 1}, F64: []float64{math.Pi, math.NaN()}},
		{Name: "none", Shape: engine.Shape{0, 3}, F64: []float64{}},
		{Name: "rows", Shape: engine.Shape{1}, F32: []float32{0.1}},
		{Name: "bytes", Shape: engine.Shape{3}, U8: []byte{1, 2, 3}},
	}
	check(t, f.Attach("margins-10", []engine.Tensor{{Name: "old", F64: []float64{1}}}))
	check(t, f.Attach("margins-10", in))
	out, err := f.Attachment("margins-10")
	check(t, err)
	if len(out) != 4 || out[0].Name != "half" || out[0].F64[0] != math.Pi || !math.IsNaN(out[0].F64[1]) || !out[0].Shape.Equal(in[0].Shape) ||
		out[1].F64 == nil || out[2].F32[0] != 0.1 || string(out[3].U8) != "\x01\x02\x03" {
		t.Errorf("attachment came back as %+v", out)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a:b", "nul", "COM1.x", "a\x1b", strings.Repeat("x", 65), "ä", "-rf"} {
		wants(t, f.Attach(name, nil), "attachment", "letters")
		if _, err := f.Attachment(name); err == nil {
			t.Errorf("read attachment %q", name)
		}
	}
	check(t, f.WriteModel(in[2:3], map[string]string{"model": "x"}))
	model, err := f.Model()
	check(t, err)
	if !strings.Contains(string(model), `"model":"x"`) {
		t.Errorf("model is %q", model)
	}
}

func TestNextDir(t *testing.T) {
	root := t.TempDir()
	for data, want := range map[string]string{
		"mnist": "mnist-1", "../x y.csv": "x-y-1", "": "run-1", "..": "run-1", "/": "run-1", "a/b/": "b-1", `C:\data\t.csv.gz`: "t-1",
		"a.b.csv": "a.b-1", ".hidden": "hidden-1", "\x1b[31m.csv": "31m-1", "Müller.parquet": "Müller-1", "--out": "out-1", "\xff\xfe": "run-1",
		strings.Repeat("ä", 100): strings.Repeat("ä", 32) + "-1",
	} {
		got, err := NextDir(root, data)
		check(t, err)
		if got != filepath.Join(root, want) {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
	for _, n := range []string{"1", "2", "4"} {
		check(t, os.Mkdir(filepath.Join(root, "x-"+n), 0o777))
	}
	if got, _ := NextDir(root, "x"); got != filepath.Join(root, "x-3") {
		t.Errorf("smallest free name is %q", got)
	}
}

// TestRacingCreates: of many that want the next folder, each gets its own.
func TestRacingCreates(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	dirs := make(chan string)
	for range 8 {
		go func() {
			for {
				dir, err := NextDir(root, "iris")
				if err == nil {
					var f *Folder
					if f, err = Create(dir, []byte("{}")); err == nil {
						err = f.Close()
					}
				}
				if errors.Is(err, fs.ErrExist) {
					continue
				}
				if err != nil {
					t.Error(err)
				}
				dirs <- dir
				return
			}
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		seen[<-dirs] = true
	}
	if len(seen) != 8 {
		t.Errorf("folders are %v", seen)
	}
}

func TestMetrics(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, []byte(`{}`))
	check(t, err)
	add := func(kind string, step uint64, data map[string]any) {
		t.Helper()
		check(t, f.Append(Event{Type: kind, Step: step, Epoch: 0.5, Data: data}))
	}
	save := func() {
		t.Helper()
		_, err := f.Save(1, map[string]engine.Keeper{})
		check(t, err)
	}
	want := func(lines ...string) {
		t.Helper()
		got, err := os.ReadFile(filepath.Join(dir, metricsFile))
		check(t, err)
		if want := strings.Join(lines, "\r\n") + "\r\n"; string(got) != want {
			t.Fatalf("table is\n%s\nwant\n%s", got, want)
		}
	}
	add("start", 0, map[string]any{"rows": 7})
	save()
	want("step,epoch,type")
	add("step", 1, map[string]any{"train/loss": 0.25, "note": "text", "best": true, "optimizer/lr": 1e-7})
	save()
	want("step,epoch,type,optimizer/lr,train/loss", "1,0.5,step,1e-07,0.25")
	before, err := os.Stat(filepath.Join(dir, metricsFile))
	check(t, err)
	add("step", 2, map[string]any{"train/loss": math.NaN()})
	add("step", 3, map[string]any{"train/loss": math.Inf(-1), "optimizer/lr": uint64(1) << 63})
	save()
	want("step,epoch,type,optimizer/lr,train/loss", "1,0.5,step,1e-07,0.25", "2,0.5,step,,NaN", "3,0.5,step,9.223372036854776e+18,-Infinity")
	after, err := os.Stat(filepath.Join(dir, metricsFile))
	check(t, err)
	if !os.SameFile(before, after) {
		t.Error("written afresh though no metric is new")
	}
	add("eval", 3, map[string]any{`=cmd("x"),1`: 1, "-x": 2, "val/loss": 3.0})
	check(t, f.Close())
	table := []string{"step,epoch,type,optimizer/lr,train/loss,'-x,\"'=cmd(\"\"x\"\"),1\",val/loss", "1,0.5,step,1e-07,0.25,,,", "2,0.5,step,,NaN,,,",
		"3,0.5,step,9.223372036854776e+18,-Infinity,,,", "3,0.5,eval,,,2,1,3"}
	want(table...)
	check(t, os.WriteFile(filepath.Join(dir, metricsFile), []byte("torn by a power cut"), 0o666))
	f, err = Open(dir)
	check(t, err)
	check(t, f.Close())
	want(table...)
}

func TestSetConfig(t *testing.T) {
	dir := make1(t)
	f, err := Open(dir)
	check(t, err)
	wants(t, f.SetConfig([]byte("{")), "not JSON")
	check(t, f.SetConfig([]byte(`{"epochs":20}`)))
	check(t, f.Close())
	v, err := View(dir)
	check(t, err)
	defer v.Close()
	if got := string(v.Config()); got != `{"epochs":20}` {
		t.Errorf("configuration is %s", got)
	}
	if err := v.SetConfig([]byte("{}")); !errors.Is(err, errReadOnly) {
		t.Errorf("view took a change: %v", err)
	}
}

func TestSpace(t *testing.T) {
	need, available, err := Space(filepath.Join(t.TempDir(), "not", "yet"), 1000)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	if need != 5000+logSpace || err == nil && available <= 0 {
		t.Errorf("need %d, available %d", need, available)
	}
	if need, _, _ := Space(".", math.MaxInt64); need != math.MaxInt64 {
		t.Errorf("need %d", need)
	}
}

func TestLock(t *testing.T) {
	dir := make1(t)
	for _, end := range []string{"closed", "killed"} {
		t.Run(end, func(t *testing.T) {
			cmd, in := start(t, "lock", dir)
			_, err := Open(dir)
			wants(t, err, dir, "in use", "wait", "stop it")
			if !errors.Is(err, ErrLocked) {
				t.Error("not ErrLocked")
			}
			v, err := View(dir)
			check(t, err)
			check(t, v.Close())
			if end == "killed" {
				cmd.Process.Kill()
			}
			in.Close()
			cmd.Wait()
			whole(t, dir)
		})
	}
	f, err := Open(dir)
	check(t, err)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open in one process: %v", err)
	}
	check(t, f.Close())
	whole(t, dir)
	err = lockFailure(dir, errors.ErrUnsupported)
	wants(t, err, dir, "file system does not support locks", "local disk")
}

// TestHeld asks whether somebody trains, which must neither change the folder nor get in anybody's way.
func TestHeld(t *testing.T) {
	dir := make1(t)
	held := func(what string, want bool) {
		t.Helper()
		got, err := Held(dir)
		if got != want || err != nil {
			t.Errorf("%s: %v, %v; %v is wanted", what, got, err, want)
		}
	}
	held("closed", false)
	f, err := Open(dir)
	check(t, err)
	held("open in this process", true)
	held("asked again", true)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("asking gave the lock away: %v", err)
	}
	check(t, f.Close())
	held("closed again", false)
	f, err = Open(dir)
	check(t, err) // asking keeps nobody out afterwards
	check(t, f.Close())

	cmd, in := start(t, "lock", dir)
	held("open in another process", true)
	in.Close()
	cmd.Wait()
	held("the other process has ended", false)

	lock := filepath.Join(dir, lockFile)
	check(t, os.Remove(lock))
	held("no lock file", false)
	if _, err := os.Lstat(lock); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking made a lock file: %v", err)
	}
	check(t, os.Mkdir(lock, 0o777))
	got, err := Held(dir)
	if got {
		t.Error("a folder is held")
	}
	wants(t, err, "lock", "no regular file")
	if got, err := Held(filepath.Join(dir, "none")); got || err != nil {
		t.Errorf("no run folder: %v, %v", got, err)
	}
}

// TestKill kills a process that saves all the time, thirty times, and looks at what is left each time.
func TestKill(t *testing.T) {
	dir := make1(t)
	step := uint64(2)
	for i := range 30 {
		cmd, in := start(t, "save", dir)
		time.Sleep(time.Duration(i*i*7919%40_000) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
		c := whole(t, dir)
		if c.Step <= step {
			t.Fatalf("kill %d: step %d, was %d before a save that succeeded", i, c.Step, step)
		}
		step = c.Step
	}
	if step < 32 {
		t.Errorf("step %d after 30 rounds that each saved", step)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.html")
	put := func(text string, fail error) error {
		return WriteFile(path, func(w io.Writer) error {
			io.WriteString(w, text)
			return fail
		})
	}
	check(t, put("one", nil))
	check(t, put("two", nil))
	broken := errors.New("broken")
	if err := put("three", broken); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "two" {
		t.Errorf("file is %q", got)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("folder holds %v", entries)
	}
	wants(t, WriteFile(filepath.Dir(path), nil), "folder")
	wants(t, WriteFile(filepath.Join(path, "x"), nil), "out.html")
}
