package descent_test

// Vanishing gradients, a difficulty that the survey's introduction names: how large the gradient is in each layer of a sigmoid network before
// its first step, by depth and by how the weights start. The tables and the picture of docs/vanishing.md are made here:
//
//	go test . -run Vanishing -update
//
// Without the flag the test computes the tables again and compares.

import (
	"bytes"
	"flag"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/prep"
)

var update = flag.Bool("update", false, "write docs/vanishing.md and its picture anew")

const (
	vanishingRows   = 128 // of the digits
	vanishingUnits  = 64  // in each hidden layer
	vanishingDepth  = 10  // dense layers, the one that gives the answer among them
	vanishingStarts = 3   // seeds, over which the mean of squares is taken
)

// beginning is how weights start, with the activation of the hidden layers.
type beginning struct {
	name       string
	init       engine.Init
	activation nn.Layer
	drawn      bool // in the picture
}

func beginnings() []beginning {
	s := nn.Sigmoid{}
	return []beginning{
		{"glorot", nn.Glorot{}, s, true},
		{"he", nn.He{}, s, true},
		{"lecun", nn.LeCun{}, s, false},
		{"orthogonal", nn.Orthogonal{}, s, false},
		{"sparse(15)", nn.Sparse{Nonzero: 15, SD: 1}, s, true},
		{"normal(0.05)", nn.Normal{SD: 0.05}, s, true},
		{"truncated_normal(0.05)", nn.TruncatedNormal{SD: 0.05}, s, false},
		{"uniform(-0.05, 0.05)", nn.Uniform{Low: -0.05, High: 0.05}, s, true},
		{"constant(0.05)", nn.Constant(0.05), s, false},
		{"glorot(gain=4)", nn.Glorot{Gain: 4}, s, true},
		{"he, ReLU", nn.He{}, nn.ReLU{}, true},
	}
}

// digits are the first rows of the digits, scaled as a training scales them, with the class as ten numbers.
func digits(t testing.TB) (x, d [][]float64) {
	t.Helper()
	set, err := data.Open("digits", data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]int, vanishingRows)
	for i := range rows {
		rows[i] = i
	}
	table := set.(data.Table)
	pipeline, err := data.Fit(table, rows, prep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if set, err = data.Prepared(table, pipeline); err != nil {
		t.Fatal(err)
	}
	var to []engine.Tensor
	for _, f := range set.Fields() {
		to = append(to, engine.TensorOf(f.Name, append(engine.Shape{vanishingRows}, f.Type.Shape...), make([]float64, vanishingRows*f.Type.Shape.Size())))
	}
	if err := set.Read(rows, to); err != nil {
		t.Fatal(err)
	}
	for k, f := range set.Fields() {
		n := f.Type.Shape.Size()
		for i := range rows {
			if row := to[k].F64[i*n : (i+1)*n]; f.Use == engine.Target {
				d = append(d, make([]float64, 10))
				d[i][int(row[0])] = 1
			} else {
				x = append(x, row)
			}
		}
	}
	return x, d
}

// rmsByLayer is the root of the mean square of ∂L/∂w in each dense layer of a network that has not been trained. L is the mean over the rows.
func (b beginning) rmsByLayer(t testing.TB, depth int, x, d [][]float64) []float64 {
	t.Helper()
	var layers nn.Sequence
	for range depth - 1 {
		layers = append(layers, nn.Dense{Units: vanishingUnits, Init: b.init}, b.activation)
	}
	layers = append(layers, nn.Dense{Units: 10, Init: b.init})
	rms := make([]float64, depth)
	for seed := range vanishingStarts {
		n := bind(t, layers, nn.CrossEntropy{}, x, d, nil, uint64(seed))
		n.pass()
		for l := range rms {
			g := n.gradient(fmt.Sprintf("dense%d/weight", l+1))
			for _, v := range g {
				rms[l] += (v / vanishingRows) * (v / vanishingRows) / float64(len(g)) / vanishingStarts
			}
		}
	}
	for l := range rms {
		if rms[l] = math.Sqrt(rms[l]); rms[l] < 1e-15 {
			rms[l] = 0 // what rounding leaves
		}
	}
	return rms
}

func TestVanishingGradients(t *testing.T) {
	if raceDetector {
		t.Skip("left out where goroutines are looked at: it has one")
	}
	x, d := digits(t)
	all := beginnings()
	rms := map[string][][]float64{} // by name, depth - 2, layer - 1
	for _, b := range all {
		for depth := 2; depth <= vanishingDepth; depth++ {
			rms[b.name] = append(rms[b.name], b.rmsByLayer(t, depth, x, d))
		}
	}
	deepest := func(name string) []float64 { return rms[name][vanishingDepth-2] }

	t.Run("every initializer on the list is here", func(t *testing.T) {
		r, ok := spec.NewSet(nn.Lists()...).Registry("initializer")
		if !ok {
			t.Fatal("no list of initializers")
		}
		for _, name := range r.Names() {
			if !slices.ContainsFunc(all, func(b beginning) bool { word, _, _ := strings.Cut(b.name, "("); return word == name }) {
				t.Errorf("%s is missing", name)
			}
		}
	})

	t.Run("gradients become very small, the more the further from the answer", func(t *testing.T) {
		for _, b := range all {
			g := deepest(b.name)
			switch b.name {
			case "constant(0.05)":
				// All units of a layer are one unit, and all outputs: Σ_j (p_j - d_j) w is 0, so that nothing goes back.
				if slices.Max(g[:vanishingDepth-1]) != 0 {
					t.Errorf("%s: %v", b.name, g)
				}
			case "he, ReLU":
				if g[1] < g[8]/3 || g[1] > 3*g[8] {
					t.Errorf("%s: %v in layer 2, %v in layer 9", b.name, g[1], g[8])
				}
			case "sparse(15)", "glorot(gain=4)": // ¼ sd √n is about 1: what is lost, flat ends of the sigmoid take
				if !(g[1] > 1e-3*g[9]) {
					t.Errorf("%s: %v in layer 2, %v in layer 10", b.name, g[1], g[9])
				}
			default:
				for l := 1; l < 9; l++ {
					if !(g[l] < 0.6*g[l+1]) {
						t.Errorf("%s: %v in layer %d, %v in layer %d", b.name, g[l], l+1, g[l+1], l+2)
					}
				}
				if !(g[1] < 1e-2*g[9]) {
					t.Errorf("%s: %v in layer 2, %v in layer 10", b.name, g[1], g[9])
				}
			}
		}
	})

	t.Run("a layer back multiplies the gradient by about ¼ sd √n", func(t *testing.T) {
		// The slope of a sigmoid is at most ¼; weights of standard deviation sd from n units add up independently.
		const n = vanishingUnits
		for name, sd := range map[string]float64{
			"glorot": math.Sqrt(2.0 / (n + n)), "lecun": math.Sqrt(1.0 / n), "he": math.Sqrt(2.0 / n), "orthogonal": math.Sqrt(1.0 / n), "normal(0.05)": 0.05,
			"truncated_normal(0.05)": 0.8796 * 0.05, "uniform(-0.05, 0.05)": 0.05 / math.Sqrt(3),
		} {
			g := deepest(name)
			got, want := math.Pow(g[1]/g[8], 1.0/7), sd*math.Sqrt(n)/4
			t.Logf("%s: a layer back multiplies by %.3f, ¼ sd √n is %.3f", name, got, want)
			if math.Abs(got/want-1) > 0.15 {
				t.Errorf("%s: a layer back multiplies by %.3f, ¼ sd √n is %.3f", name, got, want)
			}
		}
	})

	t.Run("docs", func(t *testing.T) { vanishingDocument(t, all, rms) })
}

// vanishingDocument writes the tables between the marks of docs/vanishing.md and the picture, or compares.
func vanishingDocument(t *testing.T, all []beginning, rms map[string][][]float64) {
	file := filepath.Join("docs", "vanishing.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "<!-- made by TestVanishingGradients -->\n", "<!-- end of what is made -->\n"
	before, rest, ok := strings.Cut(string(text), from)
	old, after, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for its tables", file)
	}
	tables, picture := vanishingTables(all, rms), vanishingPicture(t, all, rms)
	if *update {
		if err := os.WriteFile(file, []byte(before+from+tables+to+after), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if a, b, same := alike(old, tables, 0.11); !same {
		t.Errorf("%s has %q where %q is computed; if that is right: go test . -run Vanishing -update", file, a, b)
	}
	for _, format := range []string{"svg", "png"} {
		file := filepath.Join("docs", "images", "vanishing."+format)
		w, err := picture.WriterTo(9*vg.Inch, 5.5*vg.Inch, format)
		if err != nil {
			t.Fatal(err)
		}
		var drawn bytes.Buffer
		if _, err := w.WriteTo(&drawn); err != nil {
			t.Fatal(err)
		}
		if *update {
			err = os.WriteFile(file, drawn.Bytes(), 0o666)
		} else if old, err = readText(file); err == nil && format == "svg" { // of the PNG, that it is there
			if a, b, same := alike(old, drawn.String(), 0.02); !same {
				t.Errorf("%s has %q where %q is drawn; if that is right: go test . -run Vanishing -update", file, a, b)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readText(file string) (string, error) {
	text, err := os.ReadFile(file)
	return string(text), err
}

var numbers = regexp.MustCompile(`-?\d+(\.\d+)?(e-?\d+)?`)

// alike compares two texts but for numbers that differ by a small share, as they may where another processor rounds another way. It returns
// what differs first.
func alike(a, b string, share float64) (inA, inB string, same bool) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		if i >= len(x) || i >= len(y) {
			return strings.Join(x[min(i, len(x)):], "\n"), strings.Join(y[min(i, len(y)):], "\n"), false
		}
		if x[i] == y[i] {
			continue
		}
		same := numbers.ReplaceAllString(x[i], "#") == numbers.ReplaceAllString(y[i], "#")
		u, v := numbers.FindAllString(x[i], -1), numbers.FindAllString(y[i], -1)
		for k := 0; same && k < len(u); k++ {
			p, errP := strconv.ParseFloat(u[k], 64)
			q, errQ := strconv.ParseFloat(v[k], 64)
			same = errP == nil && errQ == nil && math.Abs(p-q) <= share*max(math.Abs(p), math.Abs(q))
		}
		if !same {
			return x[i], y[i], false
		}
	}
	return "", "", true
}

func vanishingTables(all []beginning, rms map[string][][]float64) string {
	var b strings.Builder
	row := func(first string, cells []float64, pad int) {
		fmt.Fprintf(&b, "| %s |", first)
		for i := range pad {
			if i < len(cells) {
				fmt.Fprintf(&b, " %s |", number(cells[i]))
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
	head := func(first, each string, from, to int) {
		fmt.Fprintf(&b, "| %s |", first)
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, " %s%d |", each, i)
		}
		b.WriteString("\n|---|" + strings.Repeat("--:|", to-from+1) + "\n")
	}
	b.WriteString("\n### Depth 10, by layer\n\nLayer 1 is the first, layer 10 gives the answer.\n\n")
	head("start", "", 1, vanishingDepth)
	for _, s := range all {
		row("`"+s.name+"`", rms[s.name][vanishingDepth-2], vanishingDepth)
	}
	b.WriteString("\n### The first layer, by depth\n\n")
	head("start", "depth ", 2, vanishingDepth)
	for _, s := range all {
		var first []float64
		for _, layers := range rms[s.name] {
			first = append(first, layers[0])
		}
		row("`"+s.name+"`", first, vanishingDepth-1)
	}
	b.WriteString("\n### All layers at all depths\n")
	for _, s := range all {
		fmt.Fprintf(&b, "\n`%s`\n\n", s.name)
		head("depth", "layer ", 1, vanishingDepth)
		for i, layers := range rms[s.name] {
			row(strconv.Itoa(i+2), layers, vanishingDepth)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// number with two digits: 0.0012 is 1.2e-3.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(e)
}

// vanishingPicture shows the deepest network, with the two digits of the table.
func vanishingPicture(t *testing.T, all []beginning, rms map[string][][]float64) *plot.Plot {
	t.Helper()
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Gradient before the first step: %d dense layers of %d sigmoids (black: rectifiers) on digits", vanishingDepth, vanishingUnits)
	p.X.Label.Text = "layer (1 sees the input, 10 gives the answer)"
	p.Y.Label.Text = "root mean square of the gradient by a weight"
	// The axis is linear in the logarithm: plot.LogScale leaves a gap above the picture, because it sets the axis' title off center.
	var layers, decades plot.ConstantTicks
	for l := 1; l <= vanishingDepth; l++ {
		layers = append(layers, plot.Tick{Value: float64(l), Label: strconv.Itoa(l)})
	}
	for e := -14; e <= 0; e++ {
		decades = append(decades, plot.Tick{Value: float64(e), Label: fmt.Sprintf("1e%d", e)})
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = layers, decades
	p.Add(plotter.NewGrid())
	// Okabe and Ito's colors, which all eyes can tell apart, and shapes for those who see none.
	colors := []color.RGBA{{0, 114, 178, 255}, {230, 159, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {213, 94, 0, 255}, {0, 0, 0, 255}}
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{}, draw.PlusGlyph{}}
	k := 0
	for _, b := range all {
		if !b.drawn {
			continue
		}
		var points plotter.XYs
		for l, v := range rms[b.name][vanishingDepth-2] {
			v, err := strconv.ParseFloat(number(v), 64)
			if err != nil {
				t.Fatal(err)
			}
			points = append(points, plotter.XY{X: float64(l + 1), Y: math.Log10(v)})
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			t.Fatal(err)
		}
		line.Color, line.Width, marks.Color, marks.Shape, marks.Radius = colors[k], vg.Points(1.5), colors[k], shapes[k], vg.Points(3)
		p.Add(line, marks)
		p.Legend.Add(b.name, line, marks)
		k++
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 1, vanishingDepth, -14, 0
	p.Legend.XOffs, p.Legend.YOffs, p.Legend.Padding = -vg.Points(12), vg.Points(12), vg.Points(2)
	return p
}
