package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// This file holds what must be true of every file: what is written is read again, whatever is refused by the reader is
// refused by the writer, numbers survive to the bit.

// files draws a file in the order in which the writer puts it.
func files() *rapid.Generator[File] {
	return rapid.Custom(func(t *rapid.T) File {
		var f File
		if rapid.Bool().Draw(t, "has metadata") {
			f.Metadata = rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "metadata")
		}
		order := dtypes()
		for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID).Draw(t, "names") {
			d := rapid.SampledFrom(order[:]).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
			size := d.Size()
			for _, n := range shape {
				size *= n
			}
			data := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "data")
			f.Tensors = append(f.Tensors, Tensor{name, d, shape, data})
		}
		slices.SortFunc(f.Tensors, func(a, b Tensor) int {
			if a.DType != b.DType {
				return slices.Index(order[:], b.DType) - slices.Index(order[:], a.DType)
			}
			return strings.Compare(a.Name, b.Name)
		})
		return f
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := files().Draw(t, "file")
		var b bytes.Buffer
		if err := Write(&b, f); err != nil {
			t.Fatal(err)
		}
		if n := b.Len(); n < 8 || (8+headerBytes(b.Bytes()))%8 != 0 {
			t.Fatalf("data begin at byte %d, want a multiple of 8", 8+headerBytes(b.Bytes()))
		}
		parsed, err := Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		read, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := difference(parsed, f); diff != "" {
			t.Fatal(diff)
		}
		if diff := difference(read, f); diff != "" {
			t.Fatal(diff)
		}
		// Cut anywhere, it is refused.
		if cut := rapid.IntRange(0, b.Len()-1).Draw(t, "cut"); cut < b.Len() {
			if _, err := Parse(b.Bytes()[:cut]); err == nil {
				t.Fatalf("%d of %d bytes are taken", cut, b.Len())
			}
		}
	})
}

func headerBytes(file []byte) int {
	n, _ := headerLength(file, int64(len(file)))
	return n
}

func TestParseAliases(t *testing.T) {
	file := raw(`{`+one+`,"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, "xyz")
	f, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if &f.Tensors[0].Data[0] != &file[len(file)-3] {
		t.Error("data are copied")
	}
	_ = append(f.Tensors[0].Data, '!')
	if file[len(file)-1] != 'z' {
		t.Error("an append to one tensor changes the next one")
	}
}

func TestWriteRefuses(t *testing.T) {
	two := []byte{1, 2}
	for _, c := range []struct {
		name string
		file File
		want string
	}{
		{"a name twice", File{Tensors: []Tensor{{"a", U8, []int{2}, two}, {"b", U8, []int{2}, two}, {"a", F32, []int{0}, nil}}}, `"a" comes twice`},
		{"too few bytes", File{Tensors: []Tensor{{"a", F32, []int{2}, two}}}, "has 2 bytes of data, want 8"},
		{"too many bytes", File{Tensors: []Tensor{{"a", U8, []int{1}, two}}}, "has 2 bytes of data, want 1"},
		{"bytes in an empty tensor", File{Tensors: []Tensor{{"a", U8, []int{0}, two}}}, "want 0"},
		{"no dtype", File{Tensors: []Tensor{{"a", "", []int{2}, two}}}, `dtype is ""`},
		{"a negative dimension", File{Tensors: []Tensor{{"a", U8, []int{-1, -2}, two}}}, "want 0 or more"},
		{"an overflow", File{Tensors: []Tensor{{"a", U8, []int{math.MaxInt, math.MaxInt, 2}, two}}}, "64 bits"},
		{"65 dimensions", File{Tensors: []Tensor{{"a", U8, ones(65), two[:1]}}}, "at most 64"},
		{"the name of the metadata", File{Tensors: []Tensor{{"__metadata__", U8, []int{2}, two}}}, "reserved"},
		{"a name that is no UTF-8", File{Tensors: []Tensor{{"a\xff", U8, []int{2}, two}}}, "UTF-8"},
		{"a metadata key that is no UTF-8", File{Metadata: map[string]string{"\xff": ""}}, "UTF-8"},
		{"a metadata value that is no UTF-8", File{Metadata: map[string]string{"k": "\xff"}}, "UTF-8"},
		{"a header over the limit", File{Metadata: map[string]string{"k": strings.Repeat("x", maxHeader)}}, "use fewer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			err := Write(&b, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
			}
			if b.Len() != 0 {
				t.Errorf("%d bytes were written", b.Len())
			}
		})
	}
}

// Equal content, equal bytes: neither the map nor the order of the list shows, and the caller's list stays as it is.
func TestWriteOrder(t *testing.T) {
	f := File{Metadata: map[string]string{}}
	for _, k := range strings.Split("the quick brown fox jumps over a lazy dog", " ") {
		f.Metadata[k] = k
		f.Tensors = append(f.Tensors, Tensor{k, U8, []int{1}, []byte{k[0]}})
	}
	before := slices.Clone(f.Tensors)
	first := written(t, f)
	if diff := difference(f, File{f.Metadata, before}); diff != "" {
		t.Errorf("Write changes its argument: %s", diff)
	}
	slices.Reverse(f.Tensors)
	for range 10 {
		if !bytes.Equal(written(t, f), first) {
			t.Fatal("bytes differ from one writing to the next")
		}
	}
	if want := `{"__metadata__":{"a":"a","brown":"brown","dog":"dog","fox"`; !bytes.HasPrefix(first[8:], []byte(want)) {
		t.Errorf("header begins with %.80q", first[8:])
	}
}

// A failing writer is reported wherever it fails, and also one that only takes less than it is given.
func TestWriteFailure(t *testing.T) {
	f := referenceFiles()["dense"]
	size := len(written(t, f))
	broken := errors.New("disk full")
	for room := range size {
		if err := Write(&limited{room, broken}, f); !errors.Is(err, broken) {
			t.Errorf("room for %d bytes of %d: %v", room, size, err)
		}
		if err := Write(&limited{room, nil}, f); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("silent with room for %d bytes of %d: %v", room, size, err)
		}
	}
	if err := Write(&limited{size, broken}, f); err != nil {
		t.Error(err)
	}
}

type limited struct {
	room int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.room {
		n := l.room
		l.room = 0
		return n, l.err
	}
	l.room -= len(p)
	return len(p), nil
}

func TestNumbers(t *testing.T) {
	singles := []float32{0, float32(math.Copysign(0, -1)), 1, -2.5, math.MaxFloat32, math.SmallestNonzeroFloat32,
		float32(math.Inf(1)), math.Float32frombits(0x7fc12345)}
	doubles := []float64{0, math.Copysign(0, -1), 1, -2.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(-1)}
	if got := Float32s([]float32{1, -2}); !bytes.Equal(got, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}) {
		t.Errorf("Float32s: % x", got)
	}
	if got := Float64s([]float64{1}); !bytes.Equal(got, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}) {
		t.Errorf("Float64s: % x", got)
	}
	for shift := range 8 { // data at any address
		at := func(b []byte) []byte { return append(make([]byte, shift, shift+len(b)), b...)[shift:] }
		x, err := Tensor{"a", F32, []int{2, 4}, at(Float32s(singles))}.F32()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			if math.Float32bits(v) != math.Float32bits(singles[i]) {
				t.Errorf("shift %d: float32 %d is %v, want %v", shift, i, v, singles[i])
			}
		}
		y, err := Tensor{"a", F64, []int{7}, at(Float64s(doubles))}.F64()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range y {
			if math.Float64bits(v) != math.Float64bits(doubles[i]) {
				t.Errorf("shift %d: float64 %d is %v, want %v", shift, i, v, doubles[i])
			}
		}
	}
}

// Half precision against the formula of IEEE 754, all 65,536 numbers.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		data := []byte{byte(h), byte(h >> 8)}
		got, err := Tensor{"a", F16, nil, data}.F64()
		if err != nil {
			t.Fatal(err)
		}
		exponent, fraction := h>>10&31, float64(h&1023)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		want = math.Copysign(want, float64(1-h>>15*2))
		if got[0] != want && !(math.IsNaN(got[0]) && math.IsNaN(want)) || math.Signbit(got[0]) != math.Signbit(want) {
			t.Fatalf("half %#x is %v, want %v", h, got[0], want)
		}
	}
	got, err := Tensor{"a", BF16, []int{2}, []byte{0x80, 0x3f, 0x49, 0xc0}}.F32()
	if err != nil || got[0] != 1 || got[1] != -3.140625 {
		t.Errorf("bfloat16: %v, %v", got, err)
	}
}

func TestNumbersRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		tensor Tensor
	}{
		{"F64 as float32", Tensor{"a", F64, []int{1}, make([]byte, 8)}},
		{"I32 as float32", Tensor{"a", I32, []int{1}, make([]byte, 4)}},
		{"unknown type", Tensor{"a", "F8", []int{1}, make([]byte, 1)}},
		{"data cut short", Tensor{"a", F32, []int{2}, make([]byte, 7)}},
		{"data too long", Tensor{"a", F32, []int{2}, make([]byte, 12)}},
	} {
		if _, err := c.tensor.F32(); err == nil {
			t.Errorf("%s is taken", c.name)
		}
	}
	if _, err := (Tensor{"a", I64, []int{1}, make([]byte, 8)}).F64(); err == nil {
		t.Error("I64 as float64 is taken")
	}
	if x, err := (Tensor{"a", F32, []int{1}, Float32s([]float32{1.5})}).F64(); err != nil || x[0] != 1.5 {
		t.Errorf("F32 as float64: %v, %v", x, err)
	}
}

// Whatever is taken can be written, comes back the same, and is proper JSON to the standard library too.
func FuzzParse(f *testing.F) {
	for _, c := range hostileFiles() {
		if len(c.file) < 1000 {
			f.Add(c.file)
		}
	}
	for _, file := range referenceFiles() {
		f.Add(written(f, file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		read, again := Read(bytes.NewReader(data), int64(len(data)))
		if (err == nil) != (again == nil) {
			t.Fatalf("Parse says %v, Read says %v", err, again)
		}
		if err != nil {
			if len(err.Error()) > 5000 {
				t.Fatalf("error of %d bytes", len(err.Error()))
			}
			return
		}
		if diff := difference(file, read); diff != "" {
			t.Fatal(diff)
		}
		header := data[8 : 8+headerBytes(data)]
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(header, &keys); err != nil {
			t.Fatalf("encoding/json refuses the header: %v", err)
		}
		if n := len(file.Tensors); n != len(keys) && n != len(keys)-1 {
			t.Fatalf("%d tensors of %d keys", n, len(keys))
		}
		first := written(t, file)
		file, err = Parse(first)
		if err != nil {
			t.Fatal(err)
		}
		if second := written(t, file); !bytes.Equal(first, second) {
			t.Fatalf("written twice, the bytes differ:\n%q\n%q", first, second)
		}
		total := 0
		for _, tensor := range file.Tensors {
			total += len(tensor.Data)
		}
		if total != len(data)-8-len(header) {
			t.Fatalf("tensors have %d bytes of %d", total, len(data)-8-len(header))
		}
	})
}
