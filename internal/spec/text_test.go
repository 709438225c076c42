package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseTextGrammar(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"name", "adamw", "adamw"},
		{"empty call", "adamw()", "adamw"},
		{"call", "adamw( 1e-3,beta2 = .5 )", "adamw(1e-3, beta2=.5)"},
		{"nested", "dense(512, init=he(gain=1.4))", "dense(512, init=he(gain=1.4))"},
		{"list", "[1, 2,]", "[1, 2]"},
		{"empty list", "[ ]", "[]"},
		{"top-level list", "dense(8), relu", "[dense(8), relu]"},
		{"map", "{a=1, b: [x], c : y, \"d e\"=2}", "{a=1, b=[x], c=y, \"d e\"=2}"},
		{"double quotes", `"a \"b\"\n\u00e9\ud83d\ude00"`, "\"a \\\"b\\\"\\né😀\""},
		{"single quotes", `'C:\data "x"'`, `"C:\\data \"x\""`},
		{"words", "10m", "10m"},
		{"path", `C:\data\x.csv`, `C:\data\x.csv`},
		{"byte order mark", "\ufeffrelu", "relu"},
		{"lines", "dense(1),\n  relu\n", "[dense(1), relu]"},
		{"true", "true", "true"},
		{"quoted true is text", `"true"`, `"true"`},
		{"quoted number is text", `'1'`, `"1"`},
		{"quoted key", `f("a b"=1)`, `f("a b"=1)`},
		{"number as name", "1(2)", "1(2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := ParseText("--x", c.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBareKinds(t *testing.T) {
	for text, want := range map[string]Kind{
		"1": Number, "-1": Number, "+1": Number, "1e-3": Number, ".5": Number, "5.": Number, "1E+5": Number, "0": Number, "0.0": Number,
		"0x10": String, "010": String, "1_000": String, "inf": String, "nan": String, ".inf": String, ".": String, "-": String, "e5": String,
		"1e": String, "1e+": String, "10m": String, "": String, "1.5.2": String, "--1": String,
		"true": Bool, "false": Bool, "True": String, "null": Null, "yes": String,
	} {
		if got := Bare(text, Pos{}).Kind; got != want {
			t.Errorf("%q: kind %d, want %d", text, got, want)
		}
	}
}

func TestParseTextErrors(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", `--x: found nothing, wanted a name or a value`},
		{"spaces", "  ", `--x: found nothing, wanted a name or a value`},
		{"open call", "adamw(1", `--x:8: found the end, wanted "," or ")" to close what column 1 opens`},
		{"open list", "[1, 2", `--x:6: found the end, wanted "," or "]" to close what column 1 opens`},
		{"wrong close", "[1)", `--x:3: found ")", wanted "," or "]" to close what column 1 opens`},
		{"trailing", "relu)", `--x:5: found ")" after the value, wanted the end; text with spaces or brackets needs quotes`},
		{"two words", "a b", `--x:3: found "b" after the value, wanted the end; text with spaces or brackets needs quotes`},
		{"key at top", "lr=1", `--x:3: found "=" after the value, wanted the end; text with spaces or brackets needs quotes`},
		{"key twice", "f(a=1, a=2)", `--x:8: found the key "a" twice`},
		{"position after name", "f(a=1, 2)", `--x:8: found 2 after a named argument; arguments without a name come first`},
		{"map key twice", "{a=1, a=2}", `--x:7: found the key "a" twice`},
		{"map without value", "{a}", `--x:3: found "}", wanted key=value`},
		{"empty argument", "f(,)", `--x:3: found ",", wanted a value`},
		{"missing value", "f(a=)", `--x:5: found ")", wanted a value`},
		{"open quote", `f("a`, `--x:3: found a quote that is never closed`},
		{"control", "a\x1b[31m", `--x:2: found "\x1b" after the value, wanted the end; text with spaces or brackets needs quotes`},
		{"NUL", "a\x00", `--x:2: found a NUL character, wanted text`},
		{"not UTF-8", "b\xe9", `--x:2: found the byte 0xe9, which is not UTF-8; save the text as UTF-8`},
		{"bad escape", `"\q"`, `--x:2: found an unknown escape after the backslash; known: \" \\ \/ \b \f \n \r \t \uXXXX`},
		{"half a pair", `"\ud800"`, `--x:2: found half of a surrogate pair, wanted a whole character`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := ParseText("--x", c.in)
			if err == nil {
				t.Fatalf("accepted as %s", v)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	v, err := ParseText("f.yaml", "f(é, h,\n  g(a=\"b\"))")
	if err != nil {
		t.Fatal(err)
	}
	g := v.Items[2]
	for _, c := range []struct {
		what string
		got  Pos
		want string
	}{{"f", v.Pos, "f.yaml:1:1"}, {"é", v.Items[0].Pos, "f.yaml:1:3"}, {"h", v.Items[1].Pos, "f.yaml:1:6"}, {"g", g.Pos, "f.yaml:2:3"}, {"a", g.Pairs[0].Pos, "f.yaml:2:5"}, {"b", g.Pairs[0].Value.Pos, "f.yaml:2:8"}} {
		if c.got.String() != c.want {
			t.Errorf("%s at %s, want %s", c.what, c.got, c.want)
		}
	}
}

// genValue draws any tree that readers can make.
func genValue(depth int) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		most := 6
		if depth == 0 {
			most = 3
		}
		text := rapid.OneOf(rapid.SampledFrom([]string{"a", "true", "null", "1", "a b", "x:", ":", "", "\"", "\\", "é\u0085", "\x1b", "'", "a=b", "<&>", "\u2028"}), rapid.StringMatching(`[ -~é]{0,6}`))
		items := func() []Value { return rapid.SliceOfN(genValue(depth-1), 0, 3).Draw(t, "items") }
		pairs := func() []Pair {
			var out []Pair
			for _, k := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "keys") {
				if k != "" {
					out = append(out, Pair{Key: k, Value: genValue(depth-1).Draw(t, "value")})
				}
			}
			return out
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return Value{}
		case 1:
			return BoolValue(rapid.Bool().Draw(t, "bool"))
		case 2:
			return NumberValue(rapid.Float64().Draw(t, "number"))
		case 3:
			return StringValue(text.Draw(t, "text"))
		case 4:
			return Value{Kind: List, Items: items()}
		case 5:
			return Value{Kind: Map, Pairs: pairs()}
		}
		return Value{Kind: Call, Text: rapid.SampledFrom([]string{"f", "g_1", "a/b"}).Draw(t, "name"), Items: items(), Pairs: pairs()}
	})
}

// same compares trees without their positions; a call without arguments is its name.
var same = cmp.Options{
	cmp.Comparer(func(Pos, Pos) bool { return true }),
	cmp.Transformer("name", func(v Value) any {
		if v.Kind == Call && len(v.Items)+len(v.Pairs) == 0 {
			v.Kind = String
		}
		type plain Value
		p := plain(v)
		p.Items, p.Pairs = append([]Value{}, v.Items...), append([]Pair{}, v.Pairs...)
		return p
	}),
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genValue(3).Draw(t, "v")
		got, err := ParseText("", v.String())
		if err != nil {
			t.Fatalf("%s: %v", v, err)
		}
		if d := cmp.Diff(v, got, same); d != "" {
			t.Fatalf("%s: %s", v, d)
		}
	})
}

func FuzzParseText(f *testing.F) {
	for _, s := range []string{"adamw(1e-3, beta2=0.99)", "[1, 2", "{a: 1}", `"\ud83d\ude00"`, "'x'", strings.Repeat("[", 120), "a=b", "f(a=[{b=1}])"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseText("--x", s)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' || r == 0x7f || r == 0x9b {
					t.Fatalf("control character in %q", err)
				}
			}
			return
		}
		again, err := ParseText("--x", v.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", s, v, err)
		}
		if d := cmp.Diff(v, again, same); d != "" {
			t.Fatalf("%q: %s", s, d)
		}
		var c config
		_ = set.Decode(v, &c)
		var l layer
		_ = set.Decode(v, &l)
	})
}
