package spec

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseJSON(t *testing.T) {
	v, err := ParseJSON("c.json", []byte("\ufeff {\"a\": [1, -2.5e3, true, null, \"x\\n\\u00e9\"],\r\n\t\"b\": {}, \"c\": []}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.String(), `{a=[1, -2.5e3, true, null, "x\né"], b={}, c=[]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := v.Pairs[1].Pos.String(); got != "c.json:2:2" {
		t.Errorf("b stands at %s", got)
	}
}

func TestParseJSONErrors(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", `c.json:1:1: found the end, wanted a JSON value`},
		{"trailing", "1 2", `c.json:1:3: found "2" after the document, wanted the end`},
		{"second document", "{}\n{}", `c.json:2:1: found "{" after the document, wanted the end`},
		{"duplicate", `{"a":1,"a":2}`, `c.json:1:8: found the key "a" twice`},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, `c.json:1:8: found the key "a" twice`},
		{"bare text", `{"a": b}`, `c.json:1:7: found "b", wanted a JSON value; text stands in double quotes`},
		{"bare key", `{a: 1}`, `c.json:1:2: found "a", wanted a key in double quotes`},
		{"leading zero", `[01]`, `c.json:1:2: found "01", wanted a JSON value; text stands in double quotes`},
		{"plus", `[+1]`, `c.json:1:2: found "+1", wanted a JSON value; text stands in double quotes`},
		{"dot", `[.5]`, `c.json:1:2: found ".5", wanted a JSON value; text stands in double quotes`},
		{"NaN", `[NaN]`, `c.json:1:2: found "NaN", wanted a JSON value; text stands in double quotes`},
		{"trailing comma", `[1,]`, `c.json:1:4: found "]", wanted a JSON value`},
		{"object comma", `{"a":1,}`, `c.json:1:8: found "}", wanted a key in double quotes`},
		{"no colon", `{"a" 1}`, `c.json:1:6: found "1", wanted ":" after the key "a"`},
		{"no comma", `[1 2]`, `c.json:1:4: found "2", wanted "," or "]"`},
		{"comment", "// x\n1", `c.json:1:1: found "/", wanted a JSON value`},
		{"control in text", "\"a\x1b\"", `c.json:1:3: found the control character "\x1b" inside quotes; write it as an escape such as \n`},
		{"escaped NUL", `"\u0000"`, `c.json:1:2: found \u0000, wanted text without NUL`},
		{"not UTF-8", "{\"a\":\n \"\xe9\"}", `c.json:2:3: found the byte 0xe9, which is not UTF-8; save the text as UTF-8`},
		{"unclosed", `{"a`, `c.json:1:2: found a quote that is never closed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := ParseJSON("c.json", []byte(c.in))
			if err == nil {
				t.Fatalf("accepted as %s", v)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genValue(3).Draw(t, "v")
		data := v.JSON()
		if !json.Valid(data) {
			t.Fatalf("not JSON: %s", data)
		}
		got, err := ParseJSON("", data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		again := got.JSON()
		if string(again) != string(data) {
			t.Fatalf("%s became %s", data, again)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"model": [{"dense": {"units": 3}}, "relu"], "seed": 1}`, `[1,2]`, `"\ud83d\ude00"`, `{"a":{"a":null}}`, "\ufeff1", `{"optimizer": "adamw(lr=1)"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseJSON("c.json", data)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' || r == 0x7f || r == 0x9b {
					t.Fatalf("control character in %q", err)
				}
			}
			return
		}
		again, err := ParseJSON("c.json", v.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, again, same); d != "" {
			t.Fatal(d)
		}
		var c config
		_ = set.Decode(v, &c)
	})
}
