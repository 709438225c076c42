package kernel

import (
	"math/rand/v2"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everySet runs a test once for each set that this machine can run and each
// precision. f32 and f64 are the two instances of one generic function.
func everySet(t *testing.T, f32 func(*testing.T, *Table[float32]), f64 func(*testing.T, *Table[float64])) {
	t.Helper()
	for _, name := range Names() {
		t.Run(name+"/float32", func(t *testing.T) { f32(t, table[float32](t, name)) })
		t.Run(name+"/float64", func(t *testing.T) { f64(t, table[float64](t, name)) })
	}
}

func table[T Float](t testing.TB, name string) *Table[T] {
	t.Helper()
	k, err := For[T](name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// numbers returns n standard normal numbers.
func numbers[T Float](n int, seed uint64) []T {
	r := rand.New(rand.NewPCG(seed, 7))
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.NormFloat64())
	}
	return x
}

// epsilon is the distance from 1 to the next greater number.
func epsilon[T Float]() float64 {
	if _, single := any(T(0)).(float32); single {
		return 0x1p-23
	}
	return 0x1p-52
}

// canary stands where a kernel must not write.
const canary = -98765

// panics reports whether f panics.
func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestFor(t *testing.T) {
	names := Names()
	if len(names) == 0 || names[len(names)-1] != "portable" {
		t.Fatalf("Names() = %q, want portable last", names)
	}
	for _, name := range append([]string{""}, names...) {
		k := table[float32](t, name)
		want := name
		if name == "" {
			want = names[0]
		}
		if k.Name != want {
			t.Errorf("For(%q) is %q, want %q", name, k.Name, want)
		}
	}
	_, err := For[float64]("avx9")
	if err == nil {
		t.Fatal("For(avx9) succeeded")
	}
	for _, want := range append([]string{`"avx9"`}, names...) {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}

func TestEveryFieldIsSet(t *testing.T) {
	everySet(t, everyFieldIsSet[float32], everyFieldIsSet[float64])
}

func everyFieldIsSet[T Float](t *testing.T, k *Table[T]) {
	v := reflect.ValueOf(k).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() != reflect.Bool && v.Field(i).IsZero() {
			t.Errorf("%s is not set", v.Type().Field(i).Name)
		}
	}
}

// The language allows x*y + z to be fused unless the product is converted
// explicitly. A target that fuses shows whether one was forgotten.
func TestPortableSetIsNotFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for another processor")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	cmd := exec.Command(tool, "build", "-gcflags=-S", ".")
	cmd.Env = append(cmd.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	if !strings.Contains(text, "FMULS") || !strings.Contains(text, "FMULD") {
		t.Fatal("the listing holds no multiplications: nothing was checked")
	}
	for line := range strings.Lines(text) {
		for _, fused := range []string{"FMADD", "FMSUB", "FNMADD", "FNMSUB"} {
			if strings.Contains(line, fused) {
				t.Errorf("fused: %s", strings.TrimSpace(line))
			}
		}
	}
}

// Functions of package math that have assembly on some processor would give
// other bits there.
func TestPortableSetUsesNoMathWithAssembly(t *testing.T) {
	allowed := []string{"Abs", "Sqrt", "Inf", "NaN", "Copysign", "Float64bits", "Float64frombits", "Float32bits", "Float32frombits",
		"MaxFloat64", "Ln2", "Log2E", "Sqrt2"}
	for _, name := range mathUses(t) {
		if !slices.Contains(allowed, name) {
			t.Errorf("math.%s", name)
		}
	}
}
