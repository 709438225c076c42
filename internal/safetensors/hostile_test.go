package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// This file gives the reader files that must be refused, each for its reason, and counts what refusing costs.

// raw puts a file together without any check.
func raw(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

// withLength puts a file together whose header length is a lie.
func withLength(n uint64, rest string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, n), rest...)
}

const one = `"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}`

type hostile struct {
	name string
	file []byte
	want string // part of the error
}

func hostileFiles() []hostile {
	entry := func(dtype, shape, offsets string) string {
		return `{"a":{"dtype":` + dtype + `,"shape":` + shape + `,"data_offsets":` + offsets + `}}`
	}
	long := strings.Repeat("x\x1b", 1<<20)
	return []hostile{
		{"no bytes", nil, "want at least 8"},
		{"seven bytes", make([]byte, 7), "want at least 8"},
		{"header length of 2^64-1", withLength(1<<64-1, "{}"), "want at most 100000000"},
		{"header length of 2^63", withLength(1<<63, "{}"), "want at most 100000000"},
		{"header length over the limit", withLength(100_000_001, "{}"), "want at most 100000000"},
		{"header length at the limit in a small file", withLength(100_000_000, "{}"), "cut short"},
		{"header longer than the file by one", withLength(3, "{}"), "cut short"},
		{"header of no bytes", withLength(0, ""), "want {"},
		{"header shorter than its JSON", withLength(1, "{}"), "unexpected EOF"},
		{"leading space", raw(` {}`, ""), "begins with"},
		{"byte order mark", raw("\ufeff{}", ""), "begins with"},
		{"an array", raw(`[]`, ""), "begins with"},
		{"padding of newlines", raw("{}\n\n", ""), "spaces only"},
		{"padding of NUL", raw("{}\x00\x00", ""), "spaces only"},
		{"a second object", raw("{}{}", ""), "spaces only"},
		{"what the reference writes for an empty metadata dictionary alone", raw(`{},"__metadata__":{}}   `, ""), "spaces only"},
		{"no closing brace", raw(`{`+one, "xx"), "unexpected EOF"},
		{"trailing comma", raw(`{`+one+`,}`, "xx"), "invalid character"},
		{"no comma", raw(`{`+one+` "b":1}`, "xx"), "invalid character"},
		{"a comment", raw(`{/**/`+one+`}`, "xx"), "invalid character"},
		{"a key that is no string", raw(`{1:2}`, ""), "invalid character"},
		{"a string with a raw newline", raw("{\"a\n\":1}", ""), "invalid character"},
		{"invalid UTF-8", raw("{\"\xff\":1}", ""), "UTF-8"},
		{"half a surrogate pair", raw(`{"\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), "surrogate"},
		{"second half of a pair", raw(`{"\udc00":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), "surrogate"},
		{"first half twice", raw(`{"\ud800\ud800":1}`, ""), "surrogate"},
		{"first half and another character", raw(`{"\ud800\uffff":1}`, ""), "surrogate"},
		{"half a pair at the end", raw(`{"\ud800`, ""), "surrogate"},

		{"a name twice", raw(`{`+one+`,"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, "xxxx"), `key "a" comes twice`},
		{"a name twice, once escaped", raw(`{`+one+`,"\u0061":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, "xxxx"), `key "a" comes twice`},
		{"a key of an entry twice", raw(`{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), `key "dtype" comes twice`},
		{"metadata twice", raw(`{"__metadata__":{},"__metadata__":{}}`, ""), `key "__metadata__" comes twice`},
		{"a metadata key twice", raw(`{"__metadata__":{"k":"1","k":"2"}}`, ""), `key "k" comes twice`},
		{"an unknown key", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1}}`, "xx"), `unknown key "x"`},
		{"a key in capitals", raw(`{"a":{"DTYPE":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), `unknown key "DTYPE"`},
		{"a key in capitals beside the right one", raw(`{"a":{"dtype":"U8","Dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), `unknown key "Dtype"`},
		{"no dtype", raw(`{"a":{"shape":[2],"data_offsets":[0,2]}}`, "xx"), "want all three"},
		{"no shape", raw(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, "x"), "want all three"},
		{"no offsets", raw(`{"a":{"dtype":"U8","shape":[0]}}`, ""), "want all three"},
		{"an empty entry", raw(`{"a":{}}`, ""), "want all three"},
		{"an entry that is null", raw(`{"a":null}`, ""), "want {"},
		{"an entry that is an array", raw(`{"a":[]}`, ""), "want {"},
		{"metadata that are null", raw(`{"__metadata__":null}`, ""), "want {"},
		{"metadata with a number", raw(`{"__metadata__":{"k":1}}`, ""), "want a string"},
		{"metadata with null", raw(`{"__metadata__":{"k":null}}`, ""), "want a string"},
		{"metadata with an object", raw(`{"__metadata__":{"k":{}}}`, ""), "want a string"},
		{"metadata that look like a tensor", raw(`{"__metadata__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), "want a string"},

		{"an unknown dtype", raw(entry(`"F24"`, `[2]`, `[0,6]`), "xxxxxx"), `dtype is "F24"`},
		{"a dtype in small letters", raw(entry(`"u8"`, `[2]`, `[0,2]`), "xx"), `dtype is "u8"`},
		{"a dtype that is no string", raw(entry(`1`, `[2]`, `[0,2]`), "xx"), "want a string"},
		{"a shape that is a number", raw(entry(`"U8"`, `2`, `[0,2]`), "xx"), "want ["},
		{"a shape with a string", raw(entry(`"U8"`, `["2"]`, `[0,2]`), "xx"), "want a number"},
		{"a nested shape", raw(entry(`"U8"`, `[[2]]`, `[0,2]`), "xx"), "want a number"},
		{"a negative dimension", raw(entry(`"U8"`, `[-2]`, `[0,2]`), "xx"), "whole number"},
		{"a negative zero", raw(entry(`"U8"`, `[-0]`, `[0,0]`), ""), "whole number"},
		{"a fraction", raw(entry(`"U8"`, `[2.0]`, `[0,2]`), "xx"), "whole number"},
		{"an exponent", raw(entry(`"U8"`, `[2e0]`, `[0,2]`), "xx"), "whole number"},
		{"a dimension of 2^64", raw(entry(`"U8"`, `[18446744073709551616]`, `[0,0]`), ""), "whole number"},
		{"a dimension of 2^63", raw(entry(`"U8"`, `[9223372036854775808]`, `[0,0]`), ""), "whole number"},
		{"a product of 2^64, which is 0", raw(entry(`"F32"`, `[1073741824,1073741824,4]`, `[0,0]`), ""), "64 bits"},
		{"a product of 2^64 beside a 0", raw(entry(`"F32"`, `[1073741824,1073741824,4,0]`, `[0,0]`), ""), "64 bits"},
		{"a product of 2^64 after a 0", raw(entry(`"F32"`, `[0,1073741824,1073741824,4]`, `[0,0]`), ""), "64 bits"},
		{"a product of 2^63", raw(entry(`"F32"`, `[2305843009213693952]`, `[0,0]`), ""), "64 bits"},
		{"a size of 2^64+8, which is 8", raw(entry(`"F64"`, `[2305843009213693953]`, `[0,8]`), "xxxxxxxx"), "64 bits"},
		{"65 dimensions", raw(entry(`"U8"`, `[1`+strings.Repeat(",1", 64)+`]`, `[0,1]`), "x"), "too many numbers"},
		{"one offset", raw(entry(`"U8"`, `[2]`, `[2]`), "xx"), "want 2"},
		{"three offsets", raw(entry(`"U8"`, `[2]`, `[0,2,2]`), "xx"), "too many numbers"},
		{"offsets that fall", raw(entry(`"U8"`, `[2]`, `[0,-2]`), "xx"), "whole number"},
		{"offsets swapped", raw(entry(`"U8"`, `[2]`, `[2,0]`), "xx"), "begins at byte 2"},
		{"offsets swapped after another tensor", raw(`{`+one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}`, "xx"), "want 2 bytes"},
		{"fewer bytes than the shape", raw(entry(`"F32"`, `[2]`, `[0,4]`), "xxxx"), "want 8 bytes"},
		{"more bytes than the shape", raw(entry(`"U8"`, `[2]`, `[0,3]`), "xxx"), "want 2 bytes"},
		{"a huge tensor in a small file", raw(entry(`"F32"`, `[1000000,1000000]`, `[0,4000000000000]`), "xxxx"), "the file has 4"},

		{"a hole at the start", raw(entry(`"U8"`, `[2]`, `[1,3]`), "xxx"), "begins at byte 1"},
		{"a hole in the middle", raw(`{`+one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}`, "xxxxx"), "begins at byte 3"},
		{"an overlap", raw(`{`+one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, "xxx"), "begins at byte 1"},
		{"two tensors at one place", raw(`{`+one+`,"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "xx"), "begins at byte 0"},
		{"bytes after the last tensor", raw(`{`+one+`}`, "xxx"), "nothing may follow"},
		{"data of no tensor", raw(`{}`, "x"), "nothing may follow"},
		{"data cut short", raw(`{`+one+`}`, "x"), "cut short"},
		{"an empty tensor inside another", raw(`{`+one+`,"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, "xx"), "begins at byte 1"},
		{"an empty tensor after the end", raw(`{`+one+`,"b":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}}`, "xx"), "begins at byte 3"},
		{"an empty tensor with bytes", raw(entry(`"U8"`, `[3,0]`, `[0,3]`), "xxx"), "want 0 bytes"},

		{"a million brackets", raw(`{"a":`+strings.Repeat("[", 1<<20), ""), "want {"},
		{"a million brackets in a shape", raw(entry(`"U8"`, strings.Repeat("[", 1<<20), ``), ""), "want a number"},
		{"a million brackets in metadata", raw(`{"__metadata__":{"k":`+strings.Repeat("[", 1<<20), ""), "want a string"},
		{"a long key with escapes", raw(`{"a":{`+strconv.Quote(strings.ReplaceAll(long, "\x1b", "é"))+`:1}}`, ""), "unknown key"},
		{"a long dtype", raw(entry(`"`+strings.ReplaceAll(long, "\x1b", `\u001b`)+`"`, `[0]`, `[0,0]`), ""), "dtype is"},
		{"a long name", raw(`{"`+strings.ReplaceAll(long, "\x1b", `\u001b`)+`":1}`, ""), "want {"},
		{"a number of a million digits", raw(entry(`"U8"`, `[`+strings.Repeat("9", 1<<20)+`]`, `[0,2]`), "xx"), "whole number"},
	}
}

func TestHostile(t *testing.T) {
	for _, c := range hostileFiles() {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.file)
			if err == nil {
				t.Fatal("Parse takes it")
			}
			if _, again := Read(bytes.NewReader(c.file), int64(len(c.file))); again == nil || again.Error() != err.Error() {
				t.Errorf("Read says %v, Parse says %v", again, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n\x00") {
				t.Errorf("error of %d bytes, or with raw control characters: %.300q", len(err.Error()), err.Error())
			}
		})
	}
}

// Refusing must not cost what the header claims. The few MB that the longest of these files has are read and decoded.
func TestHostileIsCheap(t *testing.T) {
	var before, after runtime.MemStats
	for _, c := range hostileFiles() {
		start := time.Now()
		runtime.ReadMemStats(&before)
		Read(bytes.NewReader(c.file), int64(len(c.file)))
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(16*len(c.file)+64<<10); got > limit {
			t.Errorf("%s: %d bytes were allocated for a file of %d", c.name, got, len(c.file))
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s: took %v", c.name, d)
		}
	}
}

// What looks odd and is no harm.
func TestTaken(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		want File
	}{
		{"no tensors", raw(`{}`, ""), File{}},
		{"no padding, keys in another order, spaces between", raw(`{ "a" : {"data_offsets":[0,2], "shape":[2], "dtype":"U8"} }`, "xy"),
			File{Tensors: []Tensor{{"a", U8, []int{2}, []byte("xy")}}}},
		{"metadata last", raw(`{`+one+`,"__metadata__":{"k":"v"}}  `, "xy"),
			File{Metadata: map[string]string{"k": "v"}, Tensors: []Tensor{{"a", U8, []int{2}, []byte("xy")}}}},
		{"names in another order than the data", raw(`{"b":{"dtype":"U8","shape":[],"data_offsets":[2,3]},`+one+`}`, "xyz"),
			File{Tensors: []Tensor{{"a", U8, []int{2}, []byte("xy")}, {"b", U8, nil, []byte("z")}}}},
		{"empty tensors at every boundary", raw(`{"c":{"dtype":"U8","shape":[0],"data_offsets":[2,2]},`+one+`,"b":{"dtype":"F32","shape":[4,0],"data_offsets":[0,0]}}`, "xy"),
			File{Tensors: []Tensor{{"b", F32, []int{4, 0}, nil}, {"a", U8, []int{2}, []byte("xy")}, {"c", U8, []int{0}, nil}}}},
		{"escaped pair, escaped backslash before u", raw(`{"\ud83d\ude00\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, ""),
			File{Tensors: []Tensor{{`😀\ud800`, U8, []int{0}, nil}}}},
		{"keys that differ in case only", raw(`{"A":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`+one+`}`, "xy"),
			File{Tensors: []Tensor{{"A", U8, []int{0}, nil}, {"a", U8, []int{2}, []byte("xy")}}}},
		{"64 dimensions", raw(`{"a":{"dtype":"U8","shape":[2`+strings.Repeat(",1", 63)+`],"data_offsets":[0,2]}}`, "xy"),
			File{Tensors: []Tensor{{"a", U8, append([]int{2}, ones(63)...), []byte("xy")}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, c.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func ones(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

func TestReadFailure(t *testing.T) {
	file := raw(`{`+one+`}`, "xy")
	for size := range len(file) { // the file shrinks between the look at its size and the reading
		if _, err := Read(bytes.NewReader(file[:size]), int64(len(file))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v, want an unexpected EOF", size, len(file), err)
		}
	}
	for size := range len(file) { // the file is cut short
		if _, err := Read(bytes.NewReader(file), int64(size)); err == nil {
			t.Errorf("size %d instead of %d is taken", size, len(file))
		}
	}
	if _, err := Read(bytes.NewReader(file), -1); err == nil {
		t.Error("a negative size is taken")
	}
	for at := int64(0); at < 64; at += 8 { // the disk fails
		if _, err := Read(failingAt{bytes.NewReader(file), at}, int64(len(file))); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("failure at %d: %v", at, err)
		}
	}
}

type failingAt struct {
	r  io.ReaderAt
	at int64
}

func (f failingAt) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > f.at {
		return 0, os.ErrDeadlineExceeded
	}
	return f.r.ReadAt(p, offset)
}
