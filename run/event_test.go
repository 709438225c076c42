package run

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEventForm(t *testing.T) {
	e := Event{Type: "step", Step: 3, Epoch: 0.5, Time: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC), Data: map[string]any{
		"train/loss": math.NaN(), "b": math.Inf(1), "a": math.Inf(-1), "n": 7, "best": true, "none": nil, "text": "two\nlines",
		"list": []any{1, math.NaN(), []float64{math.Inf(1), 2}}, "rows": map[string]int{"z": 1, "a": 2},
		"f32": float32(0.1), "big": 36028797018963970.0, "f32s": []float32{float32(math.NaN())}, "table": [][]int{{1, 2}, {3}},
		"named": []map[string]any{{"class": "NaN", "f1": math.NaN()}},
	}}
	const want = `{"type":"step","step":3,"epoch":0.5,"time":"2026-01-02T03:04:05.6Z","a":"-Infinity","b":"Infinity","best":true,"big":3.602879701896397e+16,"f32":0.1,"f32s":["NaN"],` +
		`"list":[1,"NaN",["Infinity",2]],"n":7,"named":[{"class":"NaN","f1":"NaN"}],"none":null,"rows":{"a":2,"z":1},"table":[[1,2],[3]],"text":"two\nlines","train/loss":"NaN"}`
	got, err := json.Marshal(e)
	check(t, err)
	if string(got) != want {
		t.Errorf("event is\n%s\nwant\n%s", got, want)
	}
	for _, bad := range []Event{
		{Data: map[string]any{"step": 1}},
		{Data: map[string]any{"c": make(chan int)}},
		{Data: map[string]any{"m": map[int]int{1: 1}}},
		{Data: map[string]any{"s": struct{ X float64 }{math.NaN()}}},
		{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if line, err := bad.MarshalJSON(); err == nil {
			t.Errorf("%v was written as %s", bad, line)
		}
	}
	deep := any(1)
	for range 200 {
		deep = []any{deep}
	}
	if _, err := (Event{Data: map[string]any{"deep": deep}}).MarshalJSON(); err == nil {
		t.Error("a list 200 deep was written")
	}
}

func TestEventReads(t *testing.T) {
	const head = `{"type":"done","step":3,"epoch":"NaN","time":"2026-01-02T03:04:05Z"`
	var e Event
	check(t, e.UnmarshalJSON([]byte(head+`,"loss":"-Infinity","class":"NaN","classes":["NaN","b"],"seed":18446744073709551615,"n":-9007199254740993,"x":1.5,"b":true}`)))
	number := func(key string, want float64) {
		t.Helper()
		if got, ok := e.Number(key); !ok || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%s is %v, %v, want %v", key, got, ok, want)
		}
	}
	number("loss", math.Inf(-1))
	number("class", math.NaN())
	number("epoch", math.NaN())
	number("step", 3)
	number("x", 1.5)
	number("seed", math.MaxUint64)
	if e.Data["seed"] != uint64(math.MaxUint64) || e.Data["n"] != int64(-9007199254740993) {
		t.Errorf("whole numbers are %v, %v", e.Data["seed"], e.Data["n"])
	}
	if s, ok := e.Text("class"); !ok || s != "NaN" {
		t.Errorf("class is %q", s)
	}
	if s, ok := e.Text("type"); !ok || s != "done" {
		t.Errorf("type is %q", s)
	}
	if e.Data["classes"].([]any)[0] != "NaN" {
		t.Errorf("classes are %v", e.Data["classes"])
	}
	for _, key := range []string{"b", "missing", "classes"} {
		if _, ok := e.Number(key); ok {
			t.Errorf("%s is a number", key)
		}
		if _, ok := e.Text(key); ok {
			t.Errorf("%s is a text", key)
		}
	}

	before := e
	for name, line := range map[string]string{
		"empty": ``, "null": `null`, "list": `[]`, "text": `"x"`, "cut": head, "comma": head + `,}`, "second": head + `}{}`, "behind": head + `} x`,
		"twice": head + `,"a":1,"a":2}`, "fixed twice": head + `,"step":4}`, "no type": `{"step":3,"epoch":1,"time":"2026-01-02T03:04:05Z"}`,
		"no time": `{"type":"x","step":3,"epoch":1}`, "case": `{"Type":"x","step":3,"epoch":1,"time":"2026-01-02T03:04:05Z"}`,
		"negative step": `{"type":"x","step":-3,"epoch":1,"time":"2026-01-02T03:04:05Z"}`, "fraction": `{"type":"x","step":3.5,"epoch":1,"time":"2026-01-02T03:04:05Z"}`,
		"null type": `{"type":null,"step":3,"epoch":1,"time":"2026-01-02T03:04:05Z"}`, "text epoch": `{"type":"x","step":3,"epoch":"one","time":"2026-01-02T03:04:05Z"}`,
		"bad time": `{"type":"x","step":3,"epoch":1,"time":"yesterday"}`, "huge number": head + `,"a":1e999}`,
		"large epoch": `{"type":"x","step":3,"epoch":1e999,"time":"2026-01-02T03:04:05Z"}`, "deep": head + `,"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "very deep": head + `,"a":` + strings.Repeat("[", 1_000_000),
		"no quotes": `{type:"x"}`, "zero byte": "\x00", "binary": "\xff\xfe\x00\x01",
	} {
		if err := e.UnmarshalJSON([]byte(line)); err == nil {
			t.Errorf("%s was read as %+v", name, e)
		}
	}
	if !reflect.DeepEqual(e.Data["seed"], before.Data["seed"]) {
		t.Error("a refused line changed the event")
	}
}

// TestEventRoundTrip: what is written is read back, bit for bit.
func TestEventRoundTrip(t *testing.T) {
	plainText := rapid.String().Filter(func(s string) bool { _, special := notFinite(s); return !special })
	value := func(t *rapid.T, deep bool) any {
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0, 1:
			x := rapid.Float64().Draw(t, "number")
			if !deep && rapid.IntRange(0, 4).Draw(t, "special") == 0 {
				x = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.MaxFloat64}).Draw(t, "which")
			}
			if deep && (math.IsInf(x, 0) || math.IsNaN(x)) {
				x = 0
			}
			return x
		case 2:
			return rapid.Bool().Draw(t, "truth")
		case 3:
			return nil
		case 4:
			return rapid.Uint64Min(1<<63).Draw(t, "large") | 1 // odd, so that float64 does not hold it
		default:
			return plainText.Draw(t, "text")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		e := Event{Type: rapid.String().Draw(t, "type"), Step: rapid.Uint64().Draw(t, "step"), Epoch: rapid.Float64().Draw(t, "epoch"),
			Time: time.Unix(rapid.Int64Range(0, 1<<37).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()}
		for i := range rapid.IntRange(0, 6).Draw(t, "keys") {
			if i == 0 {
				e.Data = map[string]any{}
			}
			key := rapid.String().Filter(func(s string) bool { return !fixed(s) }).Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				e.Data[key] = []any{value(t, true), value(t, true)}
			case 1:
				e.Data[key] = map[string]any{plainText.Draw(t, "inner"): value(t, true)}
			default:
				e.Data[key] = value(t, false)
			}
		}
		line, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(line), "\n\r") {
			t.Fatalf("a line break in %q", line)
		}
		var back Event
		if err := back.UnmarshalJSON(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		again, err := back.MarshalJSON()
		if err != nil || string(again) != string(line) {
			t.Fatalf("%s came back as %s (%v)", line, again, err)
		}
		if !same(e, back) {
			t.Fatalf("%#v came back as %#v", e, back)
		}
		var viaJSON Event
		if err := json.Unmarshal(line, &viaJSON); err != nil || !same(viaJSON, back) {
			t.Fatalf("json.Unmarshal: %v", err)
		}
	})
}

// same is reflect.DeepEqual but for numbers, which are the same if their bits are (any NaN is any other's equal).
func same(a, b Event) bool {
	equal := func(x, y any) bool {
		fx, okX := x.(float64)
		fy, okY := y.(float64)
		if okX && okY {
			return math.Float64bits(fx) == math.Float64bits(fy) || math.IsNaN(fx) && math.IsNaN(fy)
		}
		return reflect.DeepEqual(x, y)
	}
	if a.Type != b.Type || a.Step != b.Step || !equal(a.Epoch, b.Epoch) || !a.Time.Equal(b.Time) || len(a.Data) != len(b.Data) {
		return false
	}
	for key := range a.Data {
		if y, ok := b.Data[key]; !ok || !equal(a.Data[key], y) {
			return false
		}
	}
	return true
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type":"step","step":1,"epoch":0.5,"time":"2026-01-02T03:04:05Z","a":[1,"NaN",{"b":null}],"c":"NaN","d":18446744073709551615}`))
	f.Add([]byte(`{"type":`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var e Event
		if e.UnmarshalJSON(line) != nil {
			return
		}
		again, err := e.MarshalJSON()
		if err != nil {
			t.Fatalf("read %q but cannot write it: %v", line, err)
		}
		var back Event
		if err := back.UnmarshalJSON(again); err != nil {
			t.Fatalf("%q: %v", again, err)
		}
	})
}

// TestHostileEvents: garbage lines are errors with their numbers, and what lies between is read.
func TestHostileEvents(t *testing.T) {
	dir := make1(t)
	path := filepath.Join(dir, eventsFile)
	good, err := event(9).MarshalJSON()
	check(t, err)
	long := strings.Repeat("x", maxLine+100)
	content := string(good) + "\n{\n\x00\xff\x1b[2J\n\n" + string(good) + "\n" + long + "\n" + string(good) + "\n" + long
	check(t, os.WriteFile(path, []byte(content), 0o666))
	read := func() (events int, wrong []string) {
		v, err := View(dir)
		check(t, err)
		defer v.Close()
		for e, err := range v.Events() {
			if err != nil {
				wrong = append(wrong, err.Error())
			} else if e.Step == 9 {
				events++
			}
		}
		return events, wrong
	}
	events, wrong := read()
	if events != 3 || len(wrong) != 4 {
		t.Fatalf("%d events, errors %q", events, wrong)
	}
	for i, line := range []string{"line 2", "line 3", "line 4", "line 6"} {
		if !strings.Contains(wrong[i], line) || !strings.Contains(wrong[i], path) || len(wrong[i]) > 500 || strings.ContainsAny(wrong[i], "\x1b\x00") {
			t.Errorf("error %d is %q, want %s", i, wrong[i], line)
		}
	}
	// Going on cuts the half line, however long, and appends behind the last whole one; the table leaves the garbage out.
	f, err := Open(dir)
	check(t, err)
	check(t, f.Append(Event{Type: "eval", Step: 9}))
	wants(t, f.Append(Event{Type: "x", Data: map[string]any{"text": long}}), "bytes", "attachment")
	check(t, f.Close())
	if content, _ := os.ReadFile(path); !strings.HasSuffix(string(content), "}\n") {
		t.Error("the half line is still there")
	}
	if events, wrong := read(); events != 4 || len(wrong) != 4 {
		t.Errorf("%d events, %d errors after going on", events, len(wrong))
	}
	if table, _ := os.ReadFile(filepath.Join(dir, metricsFile)); strings.Count(string(table), "\n") != 5 {
		t.Errorf("table is %q", table)
	}
}

// TestHugeLine reads a line of 256 MB, which lies on the disk as a hole, without holding it.
func TestHugeLine(t *testing.T) {
	dir := make1(t)
	f, err := os.OpenFile(filepath.Join(dir, eventsFile), os.O_RDWR, 0)
	check(t, err)
	const size = 256 << 20
	if err := f.Truncate(size); err != nil {
		t.Skip(err)
	}
	_, err = f.WriteAt([]byte("\n"), size-1)
	check(t, err)
	check(t, f.Close())
	v, err := View(dir)
	check(t, err)
	defer v.Close()
	events, wrong := 0, 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, err := range v.Events() {
		if err != nil {
			wants(t, err, "line 3", "more than")
			wrong++
		} else {
			events++
		}
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 8*maxLine {
		t.Errorf("reading took %d bytes of memory", taken)
	}
	if events != 2 || wrong != 1 {
		t.Errorf("%d events, %d errors", events, wrong)
	}
}
