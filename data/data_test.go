package data

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/prep"
)

// wantError fails unless err says want.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// tensors has room for rows of every field of d.
func tensors(d Dataset, rows int) []engine.Tensor {
	var to []engine.Tensor
	for _, f := range d.Fields() {
		to = append(to, engine.Tensor{Name: f.Name, Shape: append(engine.Shape{rows}, f.Type.Shape...), F32: make([]float32, rows*f.Type.Shape.Size())})
	}
	return to
}

// numbered is a classification whose row i has the features i and -i and the class i % classes.
func numbered(n, classes int) Dataset {
	x, y := make([][]float32, n), make([]int, n)
	for i := range x {
		x[i], y[i] = []float32{float32(i), -float32(i)}, i%classes
	}
	return Slices(x, y)
}

func TestDigits(t *testing.T) {
	text, err := digitsText()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8" {
		t.Errorf("digits.csv has checksum %s", got)
	}
	d, err := Open("digits", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Len() != 1797 || !d.Fields()[0].Type.Shape.Equal(engine.Shape{8, 8}) || d.Fields()[1].Type.Below != 10 {
		t.Errorf("%d rows of %v", d.Len(), d.Fields())
	}
	to := tensors(d, 2)
	if err := d.Read([]int{1, 0}, to); err != nil {
		t.Fatal(err)
	}
	if first := []float32{0, 0, 5, 13, 9, 1, 0, 0}; !slices.Equal(to[0].F32[64:72], first) || to[1].F32[0] != 1 || to[1].F32[1] != 0 {
		t.Errorf("rows 1 and 0: %v, %v", to[0].F32, to[1].F32)
	}
	about := d.(Describer).About()
	for _, want := range []string{"E. Alpaydin", "C. Kaynak", "10.24432/C50P49", "CC BY 4.0"} {
		if !strings.Contains(about.License, want) {
			t.Errorf("the licence does not say %q", want)
		}
	}
	if about.Largest != 16 || len(about.Test) != 0 {
		t.Errorf("largest %v, test %v", about.Largest, about.Test)
	}
}

func TestSlicesRefuse(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		d    Dataset
		want string
	}{
		{"no rows", Slices(nil, nil), "no rows"},
		{"lengths", Slices([][]float32{{1}}, []int{0, 1}), "1 rows of features and 2 targets"},
		{"no features", Slices([][]float32{{}, {}}, []int{0, 1}), "no features"},
		{"ragged", Slices([][]float32{{1}, {1, 2}}, []int{0, 1}), "x[1] has 2 features; x[0] has 1"},
		{"NaN", Slices([][]float32{{1}, {nan}}, []int{0, 1}), "x[1][0] is NaN"},
		{"negative class", Slices([][]float32{{1}, {2}}, []int{0, -1}), "y[1] is class -1"},
		{"huge class", Slices([][]float32{{1}, {2}}, []int{0, 1 << 40}), "y[1] is class 1099511627776"},
		{"one class", Slices([][]float32{{1}, {2}}, []int{0, 0}), "has 1 classes"},
		{"NaN target", Regression([][]float32{{1}, {2}}, []float32{0, nan}), "y[1] is NaN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, c.d.Read([]int{0}, nil), c.want)
			_, err := splitRows(c.d)
			wantError(t, err, c.want)
			_, err = NewLoader(c.d, nil, LoaderOptions{})
			wantError(t, err, c.want)
			_, err = Fit(c.d.(Table), nil, prep.Options{})
			wantError(t, err, c.want)
			c.d.Fields() // no panic
		})
	}
}

// splitRows is the usual split.
func splitRows(d Dataset) (Parts, error) { return Split{}.Rows(d, 1) }

func TestReadRefuses(t *testing.T) {
	d := numbered(4, 2)
	p, err := Fit(d.(Table), []int{0, 1}, prep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := Prepared(d.(Table), p)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := Prepared(struct{ Table }{d.(Table)}, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Dataset{d, prepared, foreign} {
		wantError(t, d.Read([]int{4}, tensors(d, 1)), "row 4 does not exist; the data set has rows 0 to 3")
		wantError(t, d.Read([]int{-1}, tensors(d, 1)), "row -1 does not exist")
		wantError(t, d.Read([]int{0, 1}, tensors(d, 1)), "room for 2 numbers; 2 rows of 2")
		wantError(t, d.Read([]int{0}, []engine.Tensor{{Name: "z", F32: make([]float32, 9)}}), `no field "z"; its fields are "x" and "y"`)
		wantError(t, d.Read([]int{0}, []engine.Tensor{{Name: "x", U8: make([]byte, 9)}}), "neither float32 nor float64")
	}
}

// The one-pass path, the general path and the table's own numbers agree for every form of storage, in both precisions.
func TestPreparedAgrees(t *testing.T) {
	table, err := parseTable(strings.NewReader("a,b,y\n1,10,0.5\n2,20,1.5\n4,10,9\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	digits, err := digits()
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*memory{
		"bytes": digits, "float32": numbered(5, 2).(*memory), "float64": table,
		"regression": Regression([][]float32{{1}, {2}, {9}}, []float32{3, 4, 8}).(*memory),
	} {
		for _, scaling := range []string{"", prep.Standardize, prep.MinMax} {
			p, err := Fit(m, []int{0, 1}, prep.Options{Scaling: scaling})
			if err != nil {
				t.Fatal(err)
			}
			fast, err := Prepared(m, p)
			if err != nil {
				t.Fatal(err)
			}
			general, err := Prepared(struct{ Table }{m}, p)
			if err != nil {
				t.Fatal(err)
			}
			rows := []int{2, 0, 2}
			a, b := tensors(fast, 3), tensors(general, 3)
			x64, y64 := make([]float64, 3*m.width), make([]float64, 3)
			c := []engine.Tensor{{Name: "y", F64: y64}, {Name: "x", F64: x64}}
			for _, err := range []error{fast.Read(rows, a), general.Read(rows, b), fast.Read(rows, c)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			row := make([]float64, m.width+1)
			if err := m.Row(2, row); err != nil {
				t.Fatal(err)
			}
			want := make([]float64, m.width)
			prep.Features(p, want, row[:m.width])
			if !slices.Equal(a[0].F32, b[0].F32) || !slices.Equal(a[1].F32, b[1].F32) || !slices.Equal(x64[:m.width], want) ||
				float32(x64[0]) != a[0].F32[0] || y64[0] != p.TargetValue(row[m.width]) || float32(y64[1]) != a[1].F32[1] {
				t.Errorf("%s by %q: %v, %v, %v", name, scaling, a, b, c)
			}
			if fast.(Fingerprinter).Fingerprint() != m.Fingerprint() || fast.(Describer).About().Largest != m.about.Largest {
				t.Errorf("%s: the prepared set describes itself otherwise", name)
			}
		}
	}
}

func TestPreparedRefusesOtherColumns(t *testing.T) {
	p, err := Fit(numbered(4, 2).(Table), []int{0, 1}, prep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Prepared(numbered(6, 3).(Table), p)
	wantError(t, err, "3 classes; the scaling was fitted on")
	_, err = Prepared(Slices([][]float32{{1}, {2}}, []int{0, 1}).(Table), p)
	wantError(t, err, "has 2 columns; the scaling was fitted on 3")
}

func TestFingerprint(t *testing.T) {
	print := func(d Dataset) string { return d.(Fingerprinter).Fingerprint() }
	x, y := [][]float32{{1, 2}, {3, 4}}, []int{0, 1}
	base := print(Slices(x, y))
	if base != print(Slices([][]float32{{1, 2}, {3, 4}}, []int{0, 1})) || len(base) != 64 {
		t.Errorf("the same content has another fingerprint, or %q is none", base)
	}
	for name, d := range map[string]Dataset{
		"another value": Slices([][]float32{{1, 2}, {3, 5}}, y),
		"another class": Slices(x, []int{1, 0}),
		"another task":  Regression(x, []float32{0, 1}),
		"more rows":     Slices(append(x, []float32{3, 4}), []int{0, 1, 1}),
	} {
		if print(d) == base {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
	// However the content is stored: a text file, packed or not.
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv.gz")
	write(t, plain, []byte("a,y\n1,u\n2,v\n"))
	write(t, packed, pack(t, []byte("a;y\r\n1.0;u\r\n2;v")))
	a, err := Open(plain, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(packed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if print(a) != print(b) {
		t.Error("the packed table has another fingerprint")
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
