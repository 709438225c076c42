package safetensors

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// This file compares with the reference implementation: with files that it wrote (testdata/make.py), and with itself
// where it is installed.

// referenceFiles states what testdata/make.py put into each file, in the order of the file.
func referenceFiles() map[string]File {
	count := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}
	var types []Tensor
	for i, d := range []DType{U64, I64, F64, F32, U32, I32, BF16, F16, U16, I16, I8, U8, BOOL} {
		types = append(types, Tensor{string(rune('m' - i)), d, []int{2}, count(2 * d.Size())})
	}
	return map[string]File{
		"empty":          {},
		"empty_metadata": {Metadata: map[string]string{}, Tensors: []Tensor{{"w", U8, []int{1}, []byte{1}}}},
		"dense": {
			Metadata: map[string]string{"format": "pt"},
			Tensors: []Tensor{
				{"head.bias", F32, []int{2}, Float32s([]float32{0.5, -1})},
				{"head.weight", F32, []int{2, 3}, Float32s([]float32{1, 2, 3, 4, 5, 6})},
			},
		},
		"types": {Tensors: types},
		"shapes": {Tensors: []Tensor{
			{"none", F32, []int{0}, nil},
			{"none.too", F32, []int{3, 0, 2}, nil},
			{"scalar", F32, []int{}, Float32s([]float32{7})},
			{"z.half", F16, []int{3}, []byte{0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00}},
			{"byte", U8, []int{1, 1, 1}, []byte{255}},
		}},
		"names": {
			Metadata: map[string]string{"key é\n": "value \"\x00\" 😀"},
			Tensors: []Tensor{
				{"", U8, []int{1}, []byte{4}},
				{"<a>&\u2028\u2029 é日本 😀", U8, []int{1}, []byte{3}},
				{`quote " backslash \ slash /`, U8, []int{1}, []byte{1}},
				{"tab\t newline\n return\r back\b feed\f bell\a escape\x1b delete\x7f", U8, []int{1}, []byte{2}},
			},
		},
	}
}

func TestReferenceFiles(t *testing.T) {
	for name, want := range referenceFiles() {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name+".safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(got, want); diff != "" {
				t.Errorf("read: %s", diff)
			}
			for i, j := 0, len(want.Tensors)-1; i < j; i, j = i+1, j-1 { // the order given must not matter
				want.Tensors[i], want.Tensors[j] = want.Tensors[j], want.Tensors[i]
			}
			if again := written(t, want); !bytes.Equal(again, data) {
				t.Errorf("written bytes differ:\n got %q\nwant %q", again, data)
			}
		})
	}
}

// checker prints what the reference sees in the files of a folder, with all that is not ASCII escaped.
const checker = `
import sys
from safetensors import deserialize
for path in sys.argv[1:]:
    for name, t in sorted(deserialize(open(path, "rb").read())):
        print(ascii(name), t["dtype"], list(t["shape"]), bytes(t["data"]).hex())
`

func TestReferenceReadsOurs(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 in PATH: the reference cannot read our file")
	}
	if out, err := exec.Command(python, "-c", "import safetensors").CombinedOutput(); err != nil {
		t.Skipf("python3 cannot import safetensors (pip install safetensors): %.200s", out)
	}
	path := filepath.Join(t.TempDir(), "ours.safetensors")
	f := File{
		Metadata: map[string]string{"format": "pt", "descent.config": `{"units": [512, 10]}`, "a": "\x00\x1f\"\\"},
		Tensors: []Tensor{
			{"a", U8, []int{3}, []byte{1, 2, 3}},
			{"b", F64, []int{1}, Float64s([]float64{-2})},
			{"c\x01\"", F32, []int{2, 1}, Float32s([]float32{1, -1})},
			{"d", BF16, []int{}, []byte{0x80, 0x3f}},
			{"e", I64, []int{4, 0}, nil},
		},
	}
	if err := os.WriteFile(path, written(t, f), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", checker, path).CombinedOutput()
	if err != nil {
		t.Fatalf("the reference refuses our file: %v\n%s", err, out)
	}
	want := `'a' U8 [3] 010203
'b' F64 [1] 00000000000000c0
'c\x01"' F32 [2, 1] 0000803f000080bf
'd' BF16 [] 803f
'e' I64 [4, 0] ` + "\n"
	if string(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))) != want {
		t.Errorf("the reference reads\n%s\nwant\n%s", out, want)
	}
}

// difference says where two files differ, "" if nowhere. A nil shape and an empty one are equal, metadata are not.
func difference(got, want File) string {
	if fmt.Sprintf("%#v", got.Metadata) != fmt.Sprintf("%#v", want.Metadata) {
		return fmt.Sprintf("metadata are %#v, want %#v", got.Metadata, want.Metadata)
	}
	if len(got.Tensors) != len(want.Tensors) {
		return fmt.Sprintf("%d tensors, want %d", len(got.Tensors), len(want.Tensors))
	}
	for i, g := range got.Tensors {
		w := want.Tensors[i]
		if g.Name != w.Name || g.DType != w.DType || fmt.Sprint(g.Shape) != fmt.Sprint(w.Shape) || !bytes.Equal(g.Data, w.Data) {
			return fmt.Sprintf("tensor %d is %q %v, want %q %v", i, g.Name, g, w.Name, w)
		}
	}
	return ""
}

func written(t testing.TB, f File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
