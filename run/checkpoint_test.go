package run

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// This file tests saving and restoring: what is kept, what is refused, what happens when a checkpoint is damaged.

func TestSaveKeepsTwoAndCutsEvents(t *testing.T) {
	dir := make1(t)
	f, err := Open(dir)
	check(t, err)
	s := &state{}
	f.Stamp("v9", "avx2")
	_, err = f.Latest(s.keepers())
	check(t, err)
	check(t, f.Append(event(3)))
	s.set(3)
	c, err := f.Save(3, s.keepers())
	check(t, err)
	info, err := os.Stat(filepath.Join(dir, lastFile))
	check(t, err)
	if c.File != lastFile || c.Bytes != info.Size() || c.Step != 3 || c.Version != "v9" || c.Kernels != "avx2" {
		t.Errorf("saved %+v, file has %d bytes", c, info.Size())
	}
	s.set(2)
	_, err = f.SaveBest(2, s.keepers())
	check(t, err)
	check(t, f.Append(event(4)))
	check(t, f.Append(Event{Type: "stop", Step: 4}))
	check(t, f.Close())

	if c := whole(t, dir); c.Step != 3 || c.Kernels != "avx2" || c.Version != "v9" || c.Notes != nil {
		t.Errorf("restored %+v", c)
	}
	f, err = Open(dir)
	check(t, err)
	defer f.Close()
	s = &state{}
	c, err = f.Best(map[string]engine.Keeper{"weights": &s.weights}) // a part is enough
	check(t, err)
	if c.Step != 2 || s.weights.step != 2 || s.rule.step != 0 {
		t.Errorf("best is %+v, %+v", c, s)
	}
	check(t, os.Remove(filepath.Join(dir, lastFile)))
	c, err = f.Latest(s.keepers())
	check(t, err)
	if c.Step != 2 || len(c.Notes) != 1 {
		t.Errorf("previous is %+v", c)
	}
}

func TestSaveRefuses(t *testing.T) {
	dir := make1(t)
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	tensor := func(t engine.Tensor) map[string]engine.Keeper {
		return map[string]engine.Keeper{"weights": fixedKeeper{t}}
	}
	for _, c := range []struct {
		name    string
		keepers map[string]engine.Keeper
		want    []string
	}{
		{"nan", tensor(engine.Tensor{Name: "dense1/weight", Shape: engine.Shape{3}, F32: []float32{1, 2, float32(math.NaN())}}), []string{`"dense1/weight"[2]`, "NaN"}},
		{"infinity", tensor(engine.Tensor{Name: "b", Shape: engine.Shape{1}, F64: []float64{math.Inf(-1)}}), []string{`"b"[0]`, "-Inf"}},
		{"shape", tensor(engine.Tensor{Name: "b", Shape: engine.Shape{2}, F64: []float64{1}}), []string{"weights/b", "holds 1", "wants 2"}},
		{"two kinds", tensor(engine.Tensor{Name: "b", Shape: engine.Shape{1}, F64: []float64{1}, F32: []float32{1}}), []string{"2 of F32"}},
		{"no kind", tensor(engine.Tensor{Name: "b", Shape: engine.Shape{1}}), []string{"0 of F32"}},
		{"keeper", map[string]engine.Keeper{"a/b": fixedKeeper{}}, []string{"a/b", "slash"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.Save(3, c.keepers)
			wants(t, err, append(c.want, dir)...)
		})
	}
	wants(t, f.WriteModel([]engine.Tensor{{Name: "w", F32: []float32{float32(math.Inf(1))}}}, nil), `"w"[0]`, modelFile)
	// What is not finite may stand anywhere else.
	other := map[string]engine.Keeper{"optimizer": fixedKeeper{{Name: "b", F64: []float64{math.NaN()}}}, "empty": fixedKeeper{}}
	_, err = f.Save(3, other)
	check(t, err)
	c, err := f.Latest(other)
	check(t, err)
	if c.Step != 3 {
		t.Errorf("step %d", c.Step)
	}
}

type fixedKeeper []engine.Tensor

func (k fixedKeeper) Keep() []engine.Tensor { return k }
func (k fixedKeeper) Restore(got []engine.Tensor) error {
	if len(got) != len(k) {
		return fmt.Errorf("%d tensors, want %d", len(got), len(k))
	}
	return nil
}

func TestLatestFallsBack(t *testing.T) {
	change := func(at func(size int) int) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			check(t, err)
			data[at(len(data))] ^= 4
			check(t, os.WriteFile(path, data, 0o666))
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"missing", func(t *testing.T, path string) { check(t, os.Remove(path)) }, "no such file"},
		{"empty", func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) }, "cut short"},
		{"cut in data", func(t *testing.T, path string) { check(t, os.Truncate(path, 3000)) }, "checksum does not match"},
		{"cut in header", func(t *testing.T, path string) { check(t, os.Truncate(path, 100)) }, "cut short"},
		{"flip in data", change(func(n int) int { return n - 1 }), "checksum does not match"},
		{"flip in middle", change(func(n int) int { return n / 2 }), "checksum does not match"},
		{"flip in checksum", change(func(int) int { return 0 }), ""},
		{"flip in header", change(func(int) int { return 60 }), ""},
		{"longer", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			f.Write(make([]byte, 8))
			check(t, f.Close())
		}, "checksum does not match"},
		{"foreign", func(t *testing.T, path string) {
			check(t, os.WriteFile(path, append([]byte{2, 0, 0, 0, 0, 0, 0, 0}, "{}"...), 0o666))
		}, "no checksum"},
		{"text", func(t *testing.T, path string) { check(t, os.WriteFile(path, []byte("hello, this is text"), 0o666)) }, "another program"},
		{"folder", func(t *testing.T, path string) { check(t, os.Remove(path)); check(t, os.Mkdir(path, 0o777)) }, "folder"},
		{"link", func(t *testing.T, path string) {
			check(t, os.Remove(path))
			if err := os.Symlink("previous.safetensors", path); err != nil {
				t.Skip(err)
			}
		}, "symbolic link"},
	} {
		for _, looked := range [...]bool{true, false} {
			t.Run(fmt.Sprintf("%s, looked %v", c.name, looked), func(t *testing.T) {
				dir := make1(t)
				c.damage(t, filepath.Join(dir, lastFile))
				got := whole(t, dir)
				if got.Step != 1 || got.File != previousFile || len(got.Notes) != 1 {
					t.Fatalf("restored %+v", got)
				}
				wants(t, got.Notes[0], filepath.Join(dir, lastFile), c.want)
				if c.name == "folder" || c.name == "link" {
					return // stay in the way of the next save, which says so
				}
				// A save may not put the damaged file in the place of the whole one, whether somebody looked before it or not.
				f, err := Open(dir)
				check(t, err)
				s := &state{}
				if looked {
					_, err := f.Latest(s.keepers())
					check(t, err)
				}
				check(t, f.Append(event(2)))
				s.set(2)
				_, err = f.Save(2, s.keepers())
				check(t, err)
				check(t, f.verify(previousFile))
				check(t, f.Close())
				if got := whole(t, dir); got.Step != 2 || got.Notes != nil {
					t.Errorf("after the save: %+v", got)
				}
			})
		}
	}
}

// TestEveryFlippedBitIsFound flips one bit of every byte of a small checkpoint.
func TestEveryFlippedBitIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, []byte(`{}`))
	check(t, err)
	defer f.Close()
	_, err = f.Save(1, map[string]engine.Keeper{"weights": &vector{size: 3, step: 1}})
	check(t, err)
	data, err := os.ReadFile(filepath.Join(dir, lastFile))
	check(t, err)
	check(t, verify(strings.NewReader(string(data)), int64(len(data))))
	for i := range data {
		data[i] ^= 1 << (i % 8)
		if verify(strings.NewReader(string(data)), int64(len(data))) == nil {
			t.Errorf("flip in byte %d of %d is not found", i, len(data))
		}
		data[i] ^= 1 << (i % 8)
	}
}

func TestLatestOfAnotherTraining(t *testing.T) {
	dir := make1(t)
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	_, err = f.Latest(map[string]engine.Keeper{"observer": fixedKeeper{}})
	wants(t, err, dir, lastFile, previousFile, `"observer"`, "weights")
	_, err = f.Latest(map[string]engine.Keeper{"weights": fixedKeeper{}})
	wants(t, err, dir, `"weights"`, "4 tensors, want 0")
	if c := f.log.length; c == 0 {
		t.Error("a refused checkpoint cut the events")
	}
}

func TestEventsShorterThanCheckpoint(t *testing.T) {
	dir := make1(t)
	check(t, os.Truncate(filepath.Join(dir, eventsFile), 10))
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	c, err := f.Latest((&state{}).keepers())
	check(t, err)
	if c.Step != 2 || len(c.Notes) != 1 {
		t.Fatalf("restored %+v", c)
	}
	wants(t, c.Notes[0], eventsFile, "events are lost")
	check(t, f.Append(event(3)))
	for e, err := range f.Events() {
		check(t, err)
		if e.Step != 3 {
			t.Errorf("event %+v", e)
		}
	}
}

// TestEventsOfAnotherLength: where the checkpoint's length falls into a line, that line goes too.
func TestEventsOfAnotherLength(t *testing.T) {
	dir := make1(t)
	path := filepath.Join(dir, eventsFile)
	lines, err := os.ReadFile(path)
	check(t, err)
	edited := strings.ReplaceAll(string(lines), `"train/loss"`, `"a":"edited","train/loss"`)
	check(t, os.WriteFile(path, []byte(edited), 0o666))
	f, err := Open(dir)
	check(t, err)
	defer f.Close()
	_, err = f.Latest((&state{}).keepers())
	check(t, err)
	check(t, f.Append(event(3)))
	steps := []uint64{}
	for e, err := range f.Events() {
		check(t, err)
		steps = append(steps, e.Step)
	}
	if !slices.Equal(steps, []uint64{1, 3}) {
		t.Errorf("events of steps %d", steps)
	}
}
