package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
)

// idxFile writes the form: dimensions, then elements.
func idxFile(dims []uint32, elements ...byte) []byte {
	b := []byte{0, 0, idxBytes, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return append(b, elements...)
}

func pack(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mnistFolder writes four small files: three training images of 1 by 2, two for the test.
func mnistFolder(t *testing.T, change map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{
		"train-images-idx3-ubyte":   idxFile([]uint32{3, 1, 2}, 0, 255, 1, 254, 2, 253),
		"train-labels.idx1-ubyte":   idxFile([]uint32{3}, 7, 3, 7),
		"t10k-images.idx3-ubyte.gz": pack(t, idxFile([]uint32{2, 1, 2}, 3, 252, 4, 251)),
		"t10k-labels-idx1-ubyte.gz": pack(t, idxFile([]uint32{2}, 3, 7)),
	}
	for name, content := range change {
		files[name] = content
	}
	for name, content := range files {
		if content != nil {
			write(t, filepath.Join(dir, name), content)
		}
	}
	return dir
}

func TestIDXFolder(t *testing.T) {
	d, err := Open(mnistFolder(t, nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	about := d.(Describer).About()
	if d.Len() != 5 || !slices.Equal(about.Test, []int{3, 4}) || about.Largest != 255 {
		t.Errorf("%d rows, %+v", d.Len(), about)
	}
	columns := d.(Table).Columns()
	if !columns[0].Shape.Equal(engine.Shape{1, 2}) || !slices.Equal(columns[1].Categories, []string{"3", "7"}) {
		t.Errorf("columns %+v", columns)
	}
	to := tensors(d, 5)
	if err := d.Read(upTo(5), to); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(to[0].F32, []float32{0, 255, 1, 254, 2, 253, 3, 252, 4, 251}) || !slices.Equal(to[1].F32, []float32{1, 0, 1, 0, 1}) {
		t.Errorf("%v", to)
	}
	p, err := Split{NoValidation: true}.Rows(d, 1)
	if err != nil || !slices.Equal(p.Train, []int{0, 1, 2}) || !slices.Equal(p.Test, []int{3, 4}) {
		t.Errorf("%+v, %v", p, err)
	}
	// One part only, by the path of its images.
	d, err = Open(filepath.Join(mnistFolder(t, map[string][]byte{"train-labels-idx1-ubyte.gz": pack(t, idxFile([]uint32{3}, 7, 3, 7))}), "train-images-idx3-ubyte"), Options{})
	if err != nil || d.Len() != 3 || len(d.(Describer).About().Test) != 0 {
		t.Errorf("%v, %v", d, err)
	}
}

func TestIDXRefuses(t *testing.T) {
	const images, labels, test = "train-images-idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte.gz"
	for _, c := range []struct {
		name, file string
		content    []byte
		want       string
	}{
		{"empty", images, []byte{}, "the header is cut short: 4 bytes expected, 0 found"},
		{"header cut", images, idxFile([]uint32{3, 1, 2})[:10], "the header is cut short: 16 bytes expected, 10 found"},
		{"magic", images, []byte("hello, world"), "begins with bytes 68 65 6c 6c and is no IDX file"},
		{"type", images, []byte{0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0}, "IDX type 0x0d; unsigned bytes, type 0x08"},
		{"no dimension", images, []byte{0, 0, 8, 0}, "0 dimensions"},
		{"many dimensions", images, []byte{0, 0, 8, 255}, "255 dimensions"},
		{"no rows", images, idxFile([]uint32{0, 1, 2}), "dimension 1 is zero: the set is empty"},
		{"no height", images, idxFile([]uint32{3, 0, 2}), "dimension 2 is zero"},
		{"cut short", images, idxFile([]uint32{3, 1, 2}, 1, 2, 3, 4, 5), "cut short: 22 bytes expected (3 rows of 1x2), 21 found"},
		{"too long", images, idxFile([]uint32{3, 1, 2}, 1, 2, 3, 4, 5, 6, 7), "the file has 23 bytes; the header says 22"},
		{"claims 2^32 rows", images, idxFile([]uint32{1<<32 - 1, 1, 2}, 1), "cut short: 8589934606 bytes expected"},
		{"claims huge rows", images, idxFile([]uint32{1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, 1), "a row has more than"},
		{"labels for images", images, idxFile([]uint32{3}, 1, 2, 3), "has one dimension, as labels have"},
		{"images for labels", labels, idxFile([]uint32{3, 1}, 1, 2, 3), "labels are 1 a row; one is wanted"},
		{"counts", labels, idxFile([]uint32{2}, 1, 2), "has 3 images and \"train-labels.idx1-ubyte\" has 2 labels"},
		{"one class", labels, idxFile([]uint32{3}, 5, 5, 5), "all 3 labels are 5"},
		{"unknown test class", labels, idxFile([]uint32{3}, 7, 8, 7), "test label 0 is 3, which no training label is"},
		{"missing file", labels, nil, "has no file train-labels-idx1-ubyte"},
		{"missing test images", test, nil, "has no file t10k-images-idx3-ubyte"},
		{"shapes", test, pack(t, idxFile([]uint32{2, 2, 1}, 1, 2, 3, 4)), "training images are 1x2 and test images are 2x1"},
		{"packed, cut short", test, pack(t, idxFile([]uint32{2, 1, 2}, 1, 2, 3)), "cut short: 20 bytes expected, 19 found"},
		{"packed, too long", test, pack(t, idxFile([]uint32{2, 1, 2}, 1, 2, 3, 4, 5)), "bytes follow the 20 that the header says"},
		{"packed, claims more than can be", test, pack(t, idxFile([]uint32{1 << 31, 1, 2}, 1)), "the packed file cannot hold more than"},
		{"packed, damaged", test, pack(t, idxFile([]uint32{2, 1, 2}, 1, 2, 3, 4))[:30], "cut short"},
		{"not packed at all", test, []byte{0x1f, 0x8b, 0, 0, 0}, "cannot be unpacked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(mnistFolder(t, map[string][]byte{c.file: c.content}), Options{})
			wantError(t, err, c.want)
			if err != nil && c.content != nil && !strings.Contains(err.Error(), "idx") {
				t.Logf("the file is not named: %v", err)
			}
		})
	}
}

func FuzzIDX(f *testing.F) {
	f.Add(idxFile([]uint32{3, 1, 2}, 0, 255, 1, 254, 2, 253), false)
	f.Add(idxFile([]uint32{3}, 7, 3, 7), true)
	f.Add(idxFile([]uint32{1<<32 - 1, 1<<32 - 1}, 7), true)
	f.Fuzz(func(t *testing.T, content []byte, packed bool) {
		limit := int64(len(content))
		if packed {
			limit *= maxRatio
		}
		x, err := readIDX(bytes.NewReader(content), limit, packed)
		if err != nil {
			return
		}
		if len(x.bytes) != x.n*x.shape.Size() || len(content) != 4+4*(1+len(x.shape))+len(x.bytes) {
			t.Fatalf("%d rows of %v in %d bytes of %d", x.n, x.shape, len(x.bytes), len(content))
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty.csv"), nil)
	write(t, filepath.Join(dir, "flowers.csv"), []byte("a,y\n1,u\n2,v\n"))
	write(t, filepath.Join(dir, "pixels.idx"), idxFile([]uint32{1, 2}, 1, 2))
	write(t, filepath.Join(dir, "lonely-images-idx3-ubyte"), idxFile([]uint32{1, 1, 2}, 1, 2))
	for _, c := range []struct {
		name, ref string
		o         Options
		want      string
	}{
		{"no name", "", Options{}, `data "": no name; give a set of "descent data list"`},
		{"near", "digit", Options{}, `did you mean "digits"?`},
		{"far", "imagenet", Options{}, "no data set, file or folder of this name"},
		{"no file", filepath.Join(dir, "none.csv"), Options{}, "no such file or folder"},
		{"by name only", "fashion-mnist", Options{}, "get it with: descent data get fashion-mnist (or give a folder that holds train-images-idx3-ubyte"},
		{"folder without files", dir, Options{}, "has no file train-images-idx3-ubyte"},
		{"device", os.DevNull, Options{}, "a regular file is wanted"},
		{"empty file", filepath.Join(dir, "empty.csv"), Options{}, "the file is empty"},
		{"task", "digits", Options{Task: "regresion"}, `unknown task "regresion"; there are auto, classification and regression; did you mean "regression"?`},
		{"label of digits", "digits", Options{Label: "y"}, "this is a built-in set"},
		{"regression of digits", "digits", Options{Task: regression}, "a classification"},
		{"drop of a folder", dir, Options{Drop: []string{"a"}}, "this is a folder of images"},
		{"unnamed images", filepath.Join(dir, "pixels.idx"), Options{}, "named as in train-images-idx3-ubyte"},
		{"images alone", filepath.Join(dir, "lonely-images-idx3-ubyte"), Options{}, `the labels "lonely-labels-idx1-ubyte" (with or without .gz) are not beside`},
		{"escape", "x\x1b[2J", Options{}, `data "x\x1b[2J":`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.ref, c.o)
			wantError(t, err, c.want)
		})
	}
	if _, err := Open(filepath.Join(dir, "flowers.csv"), Options{}); err != nil {
		t.Error(err)
	}
}

type magicFormat struct{}

func (magicFormat) Name() string { return "magic" }

func (magicFormat) Open(path string, head []byte) (Dataset, bool, error) {
	if !bytes.HasPrefix(head, []byte("MAGIC")) {
		return nil, false, nil
	}
	return numbered(4, 2), true, nil
}

func TestOpenMoreFormats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.magic")
	write(t, path, []byte("MAGIC 1"))
	if d, err := Open(path, Options{}, magicFormat{}); err != nil || d.Len() != 4 {
		t.Errorf("%v, %v", d, err)
	}
	write(t, path, []byte("a,y\n1,u\n2,v\n"))
	if d, err := Open(path, Options{}, magicFormat{}); err != nil || d.Len() != 2 {
		t.Errorf("%v, %v", d, err)
	}
}

// readIDX reads a whole file, as the parts of a set are read.
func readIDX(r io.Reader, limit int64, packed bool) (idx, error) {
	x, err := readIDXHeader(r, limit, packed)
	if err != nil {
		return idx{}, err
	}
	return x.content(x.memory(), nil)
}
