package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

func bowl(x, y float64) float64 { return x*x + 9*y*y }

// sample is a picture with a bit of everything.
func sample() Surface {
	return Surface{
		Title: "Bowl: f(x, y) = x² + 9 y²", Subtitle: "start (−4, 1), condition number 9", Value: bowl,
		Low: [2]float64{-5, -2}, High: [2]float64{2, 2}, Minima: [][]float64{{0, 0}},
		Panels: []Panel{
			{Title: "(a) sgd", Paths: []Path{{Name: "sgd, rate 0.1", Points: [][]float64{{-4, 1}, {-3, -1}, {-1, 0.5}, {0, 0}}}}},
			{Title: "(b) momentum", Paths: []Path{{Name: "momentum, rate 0.02", Points: [][]float64{{-4, 1}, {-2, 0.5}, {0, 0}}}}},
		},
	}
}

func drawn(t *testing.T, format string, s Surface) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Contour(&b, format, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts parses an SVG and gives the lines of text in it, and how many of the other elements there are.
func texts(t *testing.T, picture []byte) (lines []string, elements map[string]int) {
	t.Helper()
	elements = map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(picture))
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines, elements
		}
		if err != nil {
			t.Fatalf("no SVG: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			elements[e.Name.Local]++
			inText = e.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				lines = append(lines, string(e))
			}
		}
	}
}

func TestSVG(t *testing.T) {
	picture := drawn(t, "svg", sample())
	lines, elements := texts(t, picture)
	for _, want := range []string{
		"Bowl: f(x, y) = x² + 9 y²", "start (−4, 1), condition number 9", "(a) sgd", "(b) momentum", "sgd, rate 0.1", "momentum, rate 0.02", "start", "minimum", "x", "y", "−4", "0",
	} {
		found := 0
		for _, l := range lines {
			if l == want {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%q is not in the picture: %q", want, lines)
		}
	}
	if elements["svg"] != 1 || elements["path"] < 40 {
		t.Errorf("elements %v", elements)
	}
	for _, c := range []string{"#D55E00", "#0072B2"} {
		if n := bytes.Count(picture, []byte(c)); n < 4 { // two are the legend's
			t.Errorf("%d lines and dots in %s", n, c)
		}
	}
	if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte("Inf")) {
		t.Error("a coordinate is no number")
	}
}

func TestPNG(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(drawn(t, "png", sample())))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != 1280 || size.Y < 400 || size.Y > 800 {
		t.Errorf("%v", size)
	}
	seen := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, a := img.At(x, y).RGBA()
			seen[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)}]++
		}
	}
	for _, c := range []color.RGBA{colors[0], colors[1], white, ink} {
		if seen[c] < 100 {
			t.Errorf("%d dots in color %v", seen[c], c)
		}
	}
	if seen[colors[2]] > 0 {
		t.Error("a third path")
	}
}

func TestSamePictureSameBytes(t *testing.T) {
	s := sample()
	s.Least, s.Value = math.Inf(-1), func(x, y float64) float64 { return math.Sin(3*x) * math.Cos(5*y) } // many lines and loops
	for _, format := range Formats() {
		first := drawn(t, format, s)
		for range 3 {
			if !bytes.Equal(first, drawn(t, format, s)) {
				t.Fatalf("%s differs from one time to the next", format)
			}
		}
	}
}

// Whatever numbers and names come in, a picture comes out.
func TestHostilePictures(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	path := func(points ...[]float64) []Panel { return []Panel{{Paths: []Path{{Name: "a", Points: points}}}} }
	for name, change := range map[string]func(*Surface){
		"NaN":               func(s *Surface) { s.Panels = path([]float64{-4, 1}, []float64{nan, 0}, []float64{0, 0}) },
		"NaN at last":       func(s *Surface) { s.Panels = path([]float64{-4, 1}, []float64{-3, 1}, []float64{nan, nan}) },
		"NaN at once":       func(s *Surface) { s.Panels = path([]float64{nan, nan}) },
		"infinite":          func(s *Surface) { s.Panels = path([]float64{-4, 1}, []float64{-inf, 0}, []float64{0, 0}) },
		"infinite at once":  func(s *Surface) { s.Panels = path([]float64{inf, 0}, []float64{0, 0}) },
		"far at once":       func(s *Surface) { s.Panels = path([]float64{1e300, 0}, []float64{0, 0}) },
		"huge":              func(s *Surface) { s.Panels = path([]float64{-4, 1}, []float64{1e308, -1e308}, []float64{0, 0}) },
		"outside":           func(s *Surface) { s.Panels = path([]float64{-40, 10}, []float64{40, -10}) },
		"no points":         func(s *Surface) { s.Panels = path() },
		"one point":         func(s *Surface) { s.Panels = path([]float64{-4, 1}) },
		"nothing moves":     func(s *Surface) { s.Panels = path([]float64{-4, 1}, []float64{-4, 1}, []float64{-4, 1}) },
		"no paths":          func(s *Surface) { s.Panels = []Panel{{}} },
		"function NaN":      func(s *Surface) { s.Value = func(x, y float64) float64 { return nan } },
		"function infinite": func(s *Surface) { s.Value = func(x, y float64) float64 { return math.Exp(1e4 * x) } },
		"function level":    func(s *Surface) { s.Value = func(x, y float64) float64 { return 3 } },
		"level at least":    func(s *Surface) { s.Value = func(x, y float64) float64 { return 0 } },
		"minimum NaN":       func(s *Surface) { s.Minima = [][]float64{{nan, nan}, {1e300, 0}} },
		"strip":             func(s *Surface) { s.High[1] = s.Low[1] + 1e-9 },
		"far region":        func(s *Surface) { s.Low, s.High = [2]float64{1e100, -1e100}, [2]float64{2e100, 1e100} },
		"tower":             func(s *Surface) { s.High[1] = 1e9 },
		"escapes":           func(s *Surface) { s.Title, s.Panels[0].Paths[0].Name = "\x1b[31m<&\"\xff", "</text>\x00" },
		"long": func(s *Surface) {
			s.Title, s.Panels[0].Paths[0].Name = strings.Repeat("long ", 100), strings.Repeat("é", 500)
		},
		"many": func(s *Surface) { s.Panels[0].Paths = make([]Path, MaxPaths-1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := sample()
			change(&s)
			picture := drawn(t, "svg", s)
			if _, elements := texts(t, picture); elements["svg"] != 1 {
				t.Error("no SVG")
			}
			if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte("Inf")) || len(picture) > 1<<20 {
				t.Errorf("%d bytes: a coordinate is no number, or there are too many", len(picture))
			}
		})
	}
}

func TestContourRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		format, says string
		change       func(*Surface)
	}{
		"format":        {"gif", "svg, png", func(*Surface) {}},
		"no region":     {"svg", "nothing to show", func(s *Surface) { s.High[0] = s.Low[0] }},
		"region NaN":    {"svg", "nothing to show", func(s *Surface) { s.Low[1] = math.NaN() }},
		"no end":        {"svg", "nothing to show", func(s *Surface) { s.High[1] = math.Inf(1) }},
		"no function":   {"svg", "no function", func(s *Surface) { s.Value = nil }},
		"no panels":     {"svg", "0 panels", func(s *Surface) { s.Panels = nil }},
		"three panels":  {"svg", "3 panels", func(s *Surface) { s.Panels = make([]Panel, 3) }},
		"three numbers": {"svg", "3 coordinates at point 0", func(s *Surface) { s.Panels[0].Paths[0].Points = [][]float64{{1, 2, 3}} }},
		"too many":      {"svg", "at most 12", func(s *Surface) { s.Panels[0].Paths = make([]Path, MaxPaths) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := sample()
			c.change(&s)
			var b bytes.Buffer
			if err := Contour(&b, c.format, s); err == nil || !strings.Contains(err.Error(), c.says) || b.Len() > 0 {
				t.Errorf("%v lacks %q, %d bytes", err, c.says, b.Len())
			}
		})
	}
}

// Lines of equal value lie where the function has that value; a closed one ends where it begins, an open one at the frame.
func TestTrace(t *testing.T) {
	g := newGrid(bowl, [2]float64{-5, -2}, [2]float64{2, 2})
	for _, level := range []float64{0.5, 1, 3, 20} {
		lines := g.trace(level)
		open := 0
		for _, line := range lines {
			for _, x := range line {
				if v := bowl(x[0], x[1]); !(math.Abs(v-level) < 0.01) {
					t.Fatalf("level %v goes through %v, where the value is %v", level, x, v)
				}
			}
			first, last := line[0], line[len(line)-1]
			if first == last {
				continue
			}
			open++
			for _, x := range [][2]float64{first, last} {
				if min(math.Abs(x[0]+5), math.Abs(x[0]-2), math.Abs(x[1]+2), math.Abs(x[1]-2)) > 1e-9 {
					t.Errorf("level %v ends at %v, within the frame", level, x)
				}
			}
		}
		if want := map[float64]int{0.5: 0, 1: 0, 3: 0, 20: 1}[level]; len(lines) != 1 || open != want {
			t.Errorf("level %v: %d lines, %d of them open, wanted 1 and %d", level, len(lines), open, want)
		}
	}
	saddle := newGrid(func(x, y float64) float64 { return x*x - y*y }, [2]float64{-1, -1}, [2]float64{1, 1})
	for level, want := range map[float64]int{-0.5: 2, 0.5: 2} {
		if n := len(saddle.trace(level)); n != want {
			t.Errorf("saddle, level %v: %d lines, wanted %d", level, n, want)
		}
	}
}

func TestLevels(t *testing.T) {
	g := newGrid(bowl, [2]float64{-5, -2}, [2]float64{2, 2})
	levels := levelsOf(g, 0)
	for i := 1; i < len(levels); i++ {
		if ratio := levels[i] / levels[i-1]; !(math.Abs(ratio-math.Pow(10, 0.4)) < 1e-9) {
			t.Errorf("levels %v are not spaced by one factor", levels)
			break
		}
	}
	if top := levels[len(levels)-1]; !(top < 61 && top > 61/3) {
		t.Errorf("the highest of %v, for values up to 61", levels)
	}
}

func TestSimplified(t *testing.T) {
	var circle, line []vg.Point
	for i := range 1001 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 1000)
		circle = append(circle, vg.Point{X: vg.Length(100 * cos), Y: vg.Length(100 * sin)})
		line = append(line, vg.Point{X: vg.Length(i)})
	}
	short := simplified(circle, 0.1)
	if len(short) > 150 || len(short) < 30 {
		t.Errorf("%d points of a circle are left", len(short))
	}
	for i := range len(short) - 1 {
		if d := math.Hypot(float64(short[i].X+short[i+1].X)/2, float64(short[i].Y+short[i+1].Y)/2); d < 99.85 {
			t.Errorf("%v off the circle", 100-d)
		}
	}
	if n := len(simplified(line, 0.1)); n != 2 {
		t.Errorf("%d points of a straight line are left", n)
	}
}

func TestRounds(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{{-11, 3, "−10 −5 0"}, {-2, 2, "−2 −1 0 1 2"}, {0, 1, "0 0.2 0.4 0.6 0.8 1"}, {1e-7, 3e-7, "1e−07 1.5e−07 2e−07 2.5e−07 3e−07"}} {
		var list []string
		for _, v := range rounds(c.low, c.high, 5) {
			list = append(list, number(v))
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%v to %v: %s, wanted %s", c.low, c.high, got, c.want)
		}
	}
}
