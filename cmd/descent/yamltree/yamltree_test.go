package yamltree

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/descent-go/descent/internal/spec"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"block and flow", "a: 1\nb:\n  - dense(512)\n  - {dense: {units: 1}}\n", `{a=1, b=["dense(512)", {dense={units=1}}]}`},
		{"nested", "a:\n  b:\n    c: 1\n  d: 2\n", `{a={b={c=1}, d=2}}`},
		{"maps in a list", "a:\n- b: 1\n  c: 2\n- d\n", `{a=[{b=1, c=2}, d]}`},
		{"quotes", "a: 'it''s'\nb: \"x\\ty\"\nc: \"1\"\nd: 'true'", `{a="it's", b="x\ty", c="1", d="true"}`},
		{"literal", "a: |\n  dense(1),\n  relu\n", `{a="dense(1),\nrelu\n"}`},
		{"folded", "a: >-\n  x\n  y\n", `{a="x y"}`},
		{"plain over lines", "a: x\n  y\n", `{a="x y"}`},
		{"numbers", "a: [1, -2.5e3, +1, .5, 1e-3]", `{a=[1, -2.5e3, +1, .5, 1e-3]}`},
		{"no numbers", "a: [1_000, 010, 0x10, 0o7, .inf, -.INF, .nan, 0b1]", `{a=[1_000, 010, 0x10, 0o7, .inf, -.INF, .nan, 0b1]}`},
		{"booleans and null", "a: [true, False, ~, null, yes, off]\nb:\nc: Null", `{a=[true, false, null, null, yes, off], b=null, c=null}`},
		{"keys", "0: a\n1.5: b\ntrue: c\nnull: d\n\"e f\": g", `{0=a, 1.5=b, true=c, null=d, "e f"=g}`},
		{"comments", "# x\na: 1 # y\n# z\nb: [1, # w\n 2]\n", `{a=1, b=[1, 2]}`},
		{"header and end", "---\na: 1\n...\n", `{a=1}`},
		{"byte order mark", "\ufeffa: 1", `{a=1}`},
		{"line ends", "a: 1\r\nb:\r\n  - 2\r\n", `{a=1, b=[2]}`},
		{"empty", "", `{}`},
		{"only a comment", "# nothing\n", `{}`},
		{"only a header", "---\n", `{}`},
		{"empty brackets", "a: []\nb: {}\n", `{a=[], b={}}`},
		{"a list", "- 1\n- [2]\n", `[1, [2]]`},
		{"many keys in braces", "{" + wide(200, "k%d: 1, ") + "}", "{" + strings.TrimSuffix(wide(200, "k%d=1, "), ", ") + "}"},
		{"many maps in brackets", "[" + wide(200, "{k%d: {a: b}}, ") + "]", "[" + strings.TrimSuffix(wide(200, "{k%d={a=b}}, "), ", ") + "]"},
		{"a scalar", "adamw(lr=1)", `"adamw(lr=1)"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Parse("f.yaml", []byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := v.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func wide(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestQuotesDecideTheKind(t *testing.T) {
	v, err := Parse("f.yaml", []byte("a: \"1\"\nb: 1\nc: 'null'\nd: null\ne: \"true\"\nf: true\ng: |\n  1"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []spec.Kind{spec.String, spec.Number, spec.String, spec.Null, spec.String, spec.Bool, spec.String} {
		if got := v.Pairs[i].Value.Kind; got != want {
			t.Errorf("%s: kind %d, want %d", v.Pairs[i].Key, got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	v, err := Parse("f.yaml", []byte("é: {x: \"k\"}\nb:\n  - c: 1\n    d: 'dense(0)'\ne: |\n  dense(\n   0 1)\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(keys ...string) spec.Pos {
		x := v
		for _, k := range keys {
			if x.Kind == spec.List {
				x = x.Items[0]
			}
			x, _ = x.Get(k)
		}
		return x.Pos
	}
	for _, c := range []struct {
		got  spec.Pos
		want string
	}{
		{v.Pairs[0].Pos, "f.yaml:1:1"}, {at("é"), "f.yaml:1:4"}, {at("é", "x"), "f.yaml:1:9"}, {v.Pairs[1].Pos, "f.yaml:2:1"},
		{at("b", "c"), "f.yaml:3:8"}, {at("b", "d"), "f.yaml:4:9"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	var n struct{ N int }
	err = spec.NewSet().Decode(spec.Value{Kind: spec.Map, Pairs: []spec.Pair{{Key: "n", Value: v.Pairs[2].Value}}}, &n)
	if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:6:1: n: ") {
		t.Errorf("in a literal block: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"second document", "a: 1\n---\nb: 2\n", "f.yaml:2:1: found a second document, wanted one"},
		{"second document after an empty one", "---\n---\nb: 2\n", "f.yaml:2:1: found a second document, wanted one"},
		{"text after the end", "a: 1\n...\nb: 2\n", "f.yaml:3:1: found a second document, wanted one"},
		{"anchor", "a: &x 1", "f.yaml:1:4: found an anchor (&), which is not accepted; write the value out, or quote text that begins with &"},
		{"alias", "a: *x", "f.yaml:1:4: found an alias (*), which is not accepted; write the value out, or quote text that begins with *"},
		{"merge key", "a: {<<: {b: 1}}", "f.yaml:1:5: found a merge key (<<), which is not accepted; write the keys out"},
		{"tag", "a: !!float 1", "f.yaml:1:4: found a tag (!), which is not accepted; leave it away, or quote text that begins with !"},
		{"directive", "%YAML 1.2\n---\na: 1", "f.yaml:1:1: found a directive (%), which is not accepted; leave it away"},
		{"complex key", "? a\n: b", "f.yaml:1:1: found a complex key (?), which is not accepted; write key: value"},
		{"list as key", "[a]: 1", "f.yaml:1:4: not YAML: found an invalid key for this map"},
		{"key twice", "a: 1\nb: 1\na: 2", `f.yaml:3:1: found the key "a" twice`},
		{"key twice in braces", "{a: 1, \"a\": 2}", `f.yaml:1:9: found the key "a" twice`},
		{"Latin-1", "a: 1\nb: caf\xe9", "f.yaml:2:7: found the byte 0xe9, which is not UTF-8; save the text as UTF-8"},
		{"NUL", "a: 1\x00", "f.yaml:1:5: found a NUL character, wanted text"},
		{"escape character", "a: x\x1b[31m", "f.yaml:1:5: found the control character 0x1b, wanted text"},
		{"escaped NUL", `a: "\0"`, "f.yaml:1:4: found an escape that makes no text; wanted UTF-8 without NUL"},
		{"open bracket", "a: [1,", "f.yaml:1:4: not YAML: sequence end token ']' not found"},
		{"tab", "a:\n\tb: 2", "f.yaml:2:1: not YAML: found character '?' that cannot start any token"},
		{"two colons", "a: b: c", "f.yaml:1:4: not YAML: mapping value is not allowed in this context"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Parse("f.yaml", []byte(c.in))
			if err == nil {
				t.Fatalf("accepted as %s", v)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

// Documents that take this YAML reader gigabytes or minutes when nothing stands in front of it.
func TestHostileDocuments(t *testing.T) {
	steps := func(n int, key string) string { // a block map inside a block map ...
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + key + ":\n")
		}
		return b.String()
	}
	merges := "a0: &a0 {x: 1}\n"
	for i := 1; i < 25; i++ {
		merges += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	laughs := "a0: &a0 [x]\n"
	for i := 1; i < 25; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1)
	}
	for _, c := range []struct{ name, in string }{
		{"brackets", strings.Repeat("[", 100_000)},
		{"brackets below the mark guard", strings.Repeat("[", maxMarks-10)},
		{"closed brackets", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)},
		{"braces", strings.Repeat("{a: ", 20_000)},
		{"brackets with closers in quotes", strings.Repeat(`["]",`, 10_000)},
		{"brackets with closers in comments", strings.Repeat("[ # ]\n", 10_000)},
		{"dashes", strings.Repeat("- ", 50_000) + "1"},
		{"dashes over lines", steps(1400, "-")},
		{"keys over lines", steps(1400, "a")},
		{"complex keys", strings.Repeat("? ", 50_000) + "a"},
		{"colons", strings.Repeat("a: ", 20_000)},
		{"merge keys", merges},
		{"aliases", laughs},
		{"many keys", wide(100_000, "k%d: 1\n")},
		{"more keys", wide(maxKeys+1, "k%d: 1\n")},
		{"more values", "[" + strings.Repeat("1,", maxValues) + "]"},
		{"lists of lists", strings.Repeat("[", 150) + strings.Repeat("]", 150)},
		{"keys below the limit", wide(maxKeys-1, "k%d: 1\n")},
		{"keys in braces below the limit", "{" + wide(maxKeys-1, "k%d: 1, ") + "}"},
		{"values below the limit", "[" + strings.Repeat("1,", maxValues-10) + "]"},
		{"maps in a list below the limit", wide(maxKeys-1, "- k%d: 1\n")},
		{"long keys inside each other", steps(99, strings.Repeat("k", 9000))},
		{"long keys over many values", strings.Repeat("k", 100_000) + ": [" + strings.Repeat("1,", 15_000) + "]"},
		{"deep and wide", steps(98, "kkkkkkkkkkkkkkkkkkkk") + strings.Repeat(" ", 99) + "z: [" + strings.Repeat("1,", 15_000) + "]"},
		{"long plain text", "a: " + strings.Repeat("x", 1_000_000)},
		{"long quoted text", "a: \"" + strings.Repeat("x", 1_000_000) + "\""},
		{"quoted escapes", "a: \"" + strings.Repeat(`\x1b`, 200_000) + "\""},
		{"plain text over lines", "a: x\n" + strings.Repeat("  x\n", 50_000)},
		{"literal", "a: |\n" + strings.Repeat("  xxxxxxxxxxxxxxxxxxx\n", 45_000)},
		{"literal that grows", "a: |\n" + strings.Repeat("  x\n\n", 25_000)},
		{"folded", "a: >\n" + strings.Repeat("  x\n", 50_000)},
		{"comments", strings.Repeat("#\n", 25_000) + "a: 1"},
		{"comments in a map", "a:\n" + strings.Repeat("  # x\n", 25_000) + "  b: 1"},
		{"spaces", "a:" + strings.Repeat(" ", 1_000_000) + "1"},
		{"lines", strings.Repeat("\n", 1_000_000)},
		{"tabs", "a:" + strings.Repeat("\t", 1_000_000) + "1"},
		{"over the size", strings.Repeat("x", spec.MaxBytes+1)},
		{"quotes", strings.Repeat("'", 50_001)},
		{"carriage returns", "a: " + strings.Repeat("\r", 500_000)},
		{"terminal escapes in a key", "\"\\e]0;x\\a\": [1\n"},
		{"terminal escapes twice", "\"\\e[31m\": 1\n\"\\e[31m\": 2\n"},
		{"direction marks", "a: {\u202e: \u009b31m\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := Parse("f.yaml", []byte(c.in))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			mb := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v, %d MB: %.100v", took.Round(time.Millisecond), mb, err)
			if took > 3*time.Second { // a quiet machine needs less than 0.15 s
				t.Errorf("took %v", took)
			}
			if mb > 128 {
				t.Errorf("allocated %d MB", mb)
			}
			if err != nil {
				printableError(t, err)
			}
			if want := reasons[c.name]; err == nil && want != "" || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if err != nil && strings.HasSuffix(c.name, "below the limit") {
				t.Error(err)
			}
		})
	}
}

// reasons are the guards that must have answered before the reader behind them did.
var reasons = map[string]string{
	"brackets":                          "brackets, commas, colons and lines, wanted at most 60000",
	"brackets below the mark guard":     "f.yaml:1:201: found more than 100 levels",
	"brackets with closers in quotes":   "found more than 100 levels",
	"brackets with closers in comments": "f.yaml:201:1: found more than 100 levels",
	"dashes":                            "f.yaml:1:401: found more than 100 levels",
	"dashes over lines":                 "f.yaml:201:",
	"keys over lines":                   "f.yaml:201:",
	"lists of lists":                    "f.yaml:1:102: found more than 100 levels",
	"many keys":                         "wanted at most 60000",
	"more keys":                         "found more than 3000 keys, which is the most a document may hold",
	"more values":                       "found more than 20000 values, which is the most a document may hold",
	"long keys over many values":        "found too many long keys inside each other",
	"merge keys":                        "anchor",
	"aliases":                           "anchor",
}

func printableError(t *testing.T, err error) {
	t.Helper()
	if len(err.Error()) > 500 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	for _, r := range err.Error() {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e {
			t.Fatalf("unsafe character in %q", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a: 1\nb:\n  - dense(512)\n  - {dense: {units: 1}}\n", "a: |\n  x\n", "---\na: 1\n...\n", "a: &x 1\nb: *x", "<<: {a: 1}", "? a\n: b", "{a: [1, 'x', \"\\u00e9\"]}",
		"- - - 1", "a: >-\n x\n\n y", "%YAML 1.2\n---", "a: !!str 1", "\ufeffa: 1", "a:\n\tb", "# c", "'a': b\n? c",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		v, err := Parse("f.yaml", data)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if err != nil {
			printableError(t, err)
			return
		}
		// Whatever was read is a tree that the other readers know.
		if _, err := spec.ParseText("--x", v.String()); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	})
}
