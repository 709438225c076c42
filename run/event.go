package run

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// This file is the form of one line of events.jsonl: what happened in a run, at which step, with which numbers. It is flat, so that a
// line can be read by any program, and it can say NaN, which JSON cannot: a training that breaks is what people most want to read about.

// maxDepth bounds lists and objects inside an event.
const maxDepth = 100

// exactWhole: float64 holds every whole number up to here.
const exactWhole = 1 << 53

// Event is one thing that happened in a run. As JSON it is one flat object: "type", "step", "epoch" and "time" first, then the keys of
// Data, sorted. Types and their keys are listed in docs/run-folder.md.
type Event struct {
	Type  string
	Step  uint64    // updates done so far
	Epoch float64   // passes over the training part, a fraction within one
	Time  time.Time // RFC 3339 in the file
	// Data holds the other keys: numbers, text, truth values, and lists and objects of them. It may not hold the four names above.
	Data map[string]any
}

// Finding is the form of an entry of findings.json: what is wrong, how bad it is, and what to do, in one sentence.
type Finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Verdict  string `json:"verdict"`
}

// Observer sees the events of a run as they happen. One that is also an [github.com/descent-go/descent/engine.Keeper] is kept in
// checkpoints.
type Observer interface{ Observe(Event) }

// Number reads a number of Data, or "step" or "epoch". Numbers that are not finite are numbers. It is false when the key is missing or
// holds something else.
func (e Event) Number(key string) (float64, bool) {
	switch key {
	case "step":
		return float64(e.Step), true
	case "epoch":
		return e.Epoch, true
	}
	switch v := e.Data[key].(type) {
	case nil:
		return 0, false
	case float64:
		return v, true
	case string:
		return notFinite(v)
	default:
		switch r := reflect.ValueOf(v); {
		case r.CanFloat():
			return r.Float(), true
		case r.CanInt():
			return float64(r.Int()), true
		case r.CanUint():
			return float64(r.Uint()), true
		}
	}
	return 0, false
}

// Text reads a text of Data, or "type". It is false when the key is missing or holds something else. A text that reads like a number
// that is not finite ("NaN") is both: Text gives the word, Number the number.
func (e Event) Text(key string) (string, bool) {
	if key == "type" {
		return e.Type, true
	}
	switch v := e.Data[key].(type) {
	case string:
		return v, true
	case float64:
		if word := finiteWord(v); word != "" {
			return word, true
		}
	}
	return "", false
}

// finiteWord is how a number that is not finite is written; it is empty for all others.
func finiteWord(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return ""
}

func notFinite(word string) (float64, bool) {
	switch word {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// MarshalJSON writes the flat form, without a line break. Numbers that are not finite become the texts "NaN", "Infinity" and
// "-Infinity", in lists and objects too. A key of Data that is one of the four fixed names is an error, as is a value that JSON cannot
// hold.
func (e Event) MarshalJSON() ([]byte, error) {
	at, err := e.Time.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("event %q: time: %w", e.Type, err)
	}
	b := append(make([]byte, 0, 256), `{"type":`...)
	if b, err = appendJSON(b, e.Type); err != nil {
		return nil, err
	}
	b = strconv.AppendUint(append(b, `,"step":`...), e.Step, 10)
	b = appendNumber(append(b, `,"epoch":`...), e.Epoch)
	b = append(append(b, `,"time":`...), at...)
	keys := make([]string, 0, len(e.Data))
	for key := range e.Data {
		if fixed(key) {
			return nil, fmt.Errorf("event %q: data has the key %q, which is a field of every event; use another name", e.Type, key)
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if b, err = appendJSON(append(b, ','), key); err != nil {
			return nil, err
		}
		if b, err = appendValue(append(b, ':'), e.Data[key], 0); err != nil {
			return nil, fmt.Errorf("event %q: key %q: %w", e.Type, key, err)
		}
	}
	return append(b, '}'), nil
}

func fixed(key string) bool { return key == "type" || key == "step" || key == "epoch" || key == "time" }

func appendJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(b, text...), err
}

func appendNumber(b []byte, x float64) []byte {
	if word := finiteWord(x); word != "" {
		return append(append(append(b, '"'), word...), '"')
	}
	// encoding/json writes 1e17 as digits alone, rounded to the shortest that name this float64. With an exponent a reader can tell it from
	// a whole number that is meant to the last digit.
	if x >= exactWhole || x <= -exactWhole {
		return strconv.AppendFloat(b, x, 'e', -1, 64)
	}
	b, _ = appendJSON(b, x) // a finite number always has a form
	return b
}

// appendValue is json.Marshal for what events hold, except that numbers that are not finite have a form at every depth.
func appendValue(b []byte, v any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("lists or objects nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case float64:
		return appendNumber(b, v), nil
	case float32:
		if x := float64(v); !(x > -exactWhole && x < exactWhole) {
			return appendNumber(b, x), nil
		}
		return appendJSON(b, v)
	case string, bool, int, uint64, int64, []byte, []string, json.Marshaler, encoding.TextMarshaler:
		return appendJSON(b, v)
	}
	var err error
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Float32, reflect.Float64:
		return appendNumber(b, r.Float()), nil
	case reflect.Slice, reflect.Array:
		b = append(b, '[')
		for i := range r.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendValue(b, r.Index(i).Interface(), depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			return nil, fmt.Errorf("an object's keys are %v, want text", r.Type().Key())
		}
		keys := r.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(x.String(), y.String()) })
		b = append(b, '{')
		for i, key := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, key.String()); err != nil {
				return nil, err
			}
			if b, err = appendValue(append(b, ':'), r.MapIndex(key).Interface(), depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return appendJSON(b, v)
}

// UnmarshalJSON reads the flat form. The four fixed keys must be there, no key may come twice. Numbers come back as float64, whole
// numbers that float64 does not hold (a seed) as int64 or uint64; "NaN", "Infinity" and "-Infinity" come back as numbers when they are
// the value of a key, and stay text inside lists and objects, where they may be the name of a class: [Event.Number] and [Event.Text]
// take both.
func (e *Event) UnmarshalJSON(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("not an event: want a JSON object in one line")
	}
	read := Event{}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("not an event: %w", err)
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("not an event: %v where a key is wanted", token)
		}
		if seen[key] {
			return fmt.Errorf("key %.80q comes twice", key)
		}
		seen[key] = true
		var value any
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("key %.80q: %w", key, err)
		}
		if err := read.set(key, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("not an event: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("not an event: something follows the object")
	}
	for _, key := range [...]string{"type", "step", "epoch", "time"} {
		if !seen[key] {
			return fmt.Errorf("not an event: the key %q is missing", key)
		}
	}
	*e = read
	return nil
}

func (e *Event) set(key string, value any) error {
	wrong := func(want string) error { return fmt.Errorf("key %q: want %s", key, want) }
	switch key {
	case "type":
		text, ok := value.(string)
		if !ok {
			return wrong("text")
		}
		e.Type = text
	case "step":
		n, _ := value.(json.Number)
		step, err := strconv.ParseUint(n.String(), 10, 64)
		if err != nil {
			return wrong("a whole number of 0 or more")
		}
		e.Step = step
	case "epoch":
		epoch, ok := 0.0, false
		switch v := value.(type) {
		case json.Number:
			x, err := v.Float64()
			epoch, ok = x, err == nil
		case string:
			epoch, ok = notFinite(v)
		}
		if !ok {
			return wrong("a number")
		}
		e.Epoch = epoch
	case "time":
		text, _ := value.(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return wrong("a time such as 2026-01-31T23:59:59Z (RFC 3339)")
		}
		e.Time = at
	default:
		v, err := plain(value, 0, true)
		if err != nil {
			return fmt.Errorf("key %.80q: %w", key, err)
		}
		if e.Data == nil {
			e.Data = map[string]any{}
		}
		e.Data[key] = v
	}
	return nil
}

// plain turns what the decoder gives into what Data holds. words: the words of numbers that are not finite become numbers.
func plain(v any, depth int, words bool) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("lists or objects nested deeper than %d", maxDepth)
	}
	var err error
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case string:
		if x, ok := notFinite(v); words && ok {
			return x, nil
		}
	case []any:
		for i := range v {
			if v[i], err = plain(v[i], depth+1, false); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = plain(v[key], depth+1, false); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func number(n json.Number) (any, error) {
	x, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("number %.40s does not fit float64", n)
	}
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil && !(x < 1<<63 && int64(x) == i) {
		return i, nil
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil && !(x < 1<<64 && uint64(x) == u) {
		return u, nil
	}
	return x, nil
}
