package spec

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Documents that are meant to hurt: each must be answered soon and in small memory, whether accepted or refused, and
// whatever is said about it must be safe to print.
func TestHostileDocuments(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	deep := func(open, middle, shut string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	nested := "relu" // text inside text inside text
	for len(nested) < 1<<15 {
		nested = (Value{Kind: Call, Text: "residual", Items: []Value{StringValue(nested)}}).String()
	}
	for _, c := range []struct{ name, text, json string }{
		{"brackets", deep("[", "", "", 100_000), deep("[", "", "", 100_000)},
		{"closed brackets", deep("[", "", "]", 100_000), deep("[", "", "]", 100_000)},
		{"braces", deep("{a=", "1", "}", 100_000), deep(`{"a":`, "1", "}", 100_000)},
		{"calls", deep("residual(", "relu", ")", 100_000), ""},
		{"as deep as allowed", deep("residual(", "relu", ")", MaxDepth), deep(`{"residual":{"body":`, `"relu"`, "}}", MaxDepth/2)},
		{"text inside text", nested, string(StringValue(nested).JSON())},
		{"many keys", "{" + many(40_000, "k%d=1, ") + "}", "{" + many(40_000, `"k%d":1, `) + `"z":1}`},
		{"many keys of a map", "{class_weights={" + many(40_000, "k%d=1, ") + "}}", `{"class_weights":{` + many(40_000, `"k%d":1, `) + `"z":1}}`},
		{"many keys of a thing", "{optimizer=sgd(" + many(40_000, "momentum%d=1, ") + ")}", `{"optimizer":{"sgd":{` + many(40_000, `"momentum%d":1, `) + `"z":1}}}`},
		{"many things", "[" + strings.Repeat("dense(1),", 20_000) + "]", "[" + strings.Repeat(`{"dense":1},`, 15_000) + "1]"},
		{"many things as text", "", "[" + strings.Repeat(`"dense(1)",`, 45_000) + "1]"},
		{"many wrong things", "[" + strings.Repeat("desne(1),", 20_000) + "]", "[" + strings.Repeat(`{"desne":1},`, 15_000) + "1]"},
		{"many values", "[" + strings.Repeat("1,", 500_000) + "]", "[" + strings.Repeat("1,", 500_000) + "1]"},
		{"many empty lists", "[" + strings.Repeat("[],", 340_000) + "]", "[" + strings.Repeat("[],", 340_000) + "1]"},
		{"long number", strings.Repeat("1", 1_000_000), strings.Repeat("1", 1_000_000)},
		{"long fraction", "{scale=0." + strings.Repeat("1", 1_000_000) + "}", `{"scale":0.` + strings.Repeat("1", 1_000_000) + "}"},
		{"huge exponent", "{epochs=1e999999999}", `{"epochs":1e999999999}`},
		{"tiny exponent", "{epochs=1e-999999999}", `{"epochs":1e-999999999}`},
		{"long word", strings.Repeat("x", 1_000_000), `"` + strings.Repeat("x", 1_000_000) + `"`},
		{"long key", "{" + strings.Repeat("x", 1_000_000) + "=1}", `{"` + strings.Repeat("x", 1_000_000) + `":1}`},
		{"escapes", `"` + strings.Repeat(`\n`, 500_000) + `"`, `"` + strings.Repeat(`\n`, 500_000) + `"`},
		{"spaces", strings.Repeat(" ", 1_000_000), strings.Repeat(" ", 1_000_000)},
		{"one line with an error at its end", "[" + strings.Repeat("é", 400_000) + "}", `["` + strings.Repeat("é", 400_000) + `"}`},
		{"lines", strings.Repeat("\n", 1_000_000), strings.Repeat("\n", 1_000_000)},
		{"over the size", strings.Repeat(" ", MaxBytes) + "1", strings.Repeat(" ", MaxBytes) + "1"},
		{"terminal escapes", "{\"\x1b]0;x\x07\"=\"\x1b[31m\"}", `{"\u001b]0;x\u0007": "\u009b31m", "data": ["\u202e"]}`},
		{"long terminal escapes", `"` + strings.Repeat("\u009b", 500) + `"`, `{"data": ["` + strings.Repeat("\u009b", 500) + `"]}`},
		{"quotes that never close", strings.Repeat(`"`, 99_999), strings.Repeat(`"`, 99_999)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.text != "" {
				answer(t, "text", func() error { return decodeAll(ParseText("--x", c.text)) })
				answer(t, "flag", func() error { return decodeAll(Flag("--x", c.text), nil) })
			}
			if c.json != "" {
				answer(t, "JSON", func() error { return decodeAll(ParseJSON("c.json", []byte(c.json))) })
			}
		})
	}
}

// The limits stand where they are said to stand, and the errors say so.
func TestLimits(t *testing.T) {
	nest := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	list := func(n int) string { return "[" + strings.Repeat("1,", n-2) + "1]" }
	const depth, nodes = "found more than 100 levels inside each other, which is the most", "found more than 50000 values, which is the most a document may hold"
	for _, c := range []struct{ name, in, want string }{
		{"depth of lists", nest("[", "]", MaxDepth), ""},
		{"one level more", nest("[", "]", MaxDepth+1), "x:1:102: " + depth},
		{"values", list(MaxNodes), ""},
		{"one value more", list(MaxNodes + 1), "x:1:100000: " + nodes},
		{"size", strings.Repeat(" ", MaxBytes-1) + "1", ""},
		{"one byte more", strings.Repeat(" ", MaxBytes) + "1", "x: found 1048577 bytes, wanted at most 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, fromText := ParseText("x", c.in)
			_, fromJSON := ParseJSON("x", []byte(c.in))
			for _, err := range []error{fromText, fromJSON} {
				if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
		})
	}
	for _, in := range []string{nest("f(", ")", MaxDepth+1), nest("{a=", "}", MaxDepth+1), nest("f(a=", ")", MaxDepth+1)} {
		if _, err := ParseText("x", in); err == nil || !strings.HasSuffix(err.Error(), depth) {
			t.Errorf("%.10s...: %v", in, err)
		}
	}
	if _, err := ParseJSON("x", []byte(nest(`{"a":`, "}", MaxDepth+1))); err == nil || !strings.HasSuffix(err.Error(), depth) {
		t.Error(err)
	}
	long := strings.Repeat("z", 61)
	if got, want := quote(long), `"`+long[1:]+`"...`; got != want {
		t.Errorf("quote: got %s, want %s", got, want)
	}
}

func decodeAll(v Value, err error) error {
	if err != nil {
		return err
	}
	var c config
	var l layer
	first := set.Decode(v, &c)
	if err := set.Decode(v, &l); err != nil {
		first = err
	}
	_ = set.Decode(v, &c, Override{"model.units", v})
	return first
}

// answer runs f (three decodings) and fails when it is slow, allocates much in sum or says something unsafe to print. A
// quiet machine needs less than 0.3 s.
func answer(t *testing.T, what string, f func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	mb := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%s: %v, %d MB", what, took.Round(time.Millisecond), mb)
	if took > 3*time.Second {
		t.Errorf("%s took %v", what, took)
	}
	if mb > 300 {
		t.Errorf("%s allocated %d MB", what, mb)
	}
	if err == nil {
		return
	}
	if len(err.Error()) > 50_000 {
		t.Errorf("%s: an error of %d bytes", what, len(err.Error()))
	}
	for _, r := range err.Error() {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e {
			t.Fatalf("%s: unsafe character %q in %.300q", what, r, err)
		}
	}
}
