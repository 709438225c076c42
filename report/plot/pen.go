package plot

// The pen: letters, lines and dots on a canvas of either format.

import (
	"image/color"
	"math"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// faces are the letters of a picture.
type faces struct{ title, label, small face }

type face struct{ font.Face }

func newType() (*faces, error) {
	regular, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		return nil, err
	}
	bold, err := opentype.Parse(liberationsansbold.TTF)
	if err != nil {
		return nil, err
	}
	plain := font.Font{Typeface: "Liberation", Variant: "Sans"}
	heavy := plain
	heavy.Weight = xfont.WeightBold
	c := font.NewCache(font.Collection{{Font: plain, Face: regular}, {Font: heavy, Face: bold}})
	return &faces{title: face{c.Lookup(heavy, 12)}, label: face{c.Lookup(plain, 10)}, small: face{c.Lookup(plain, 8.5)}}, nil
}

// cut shortens a text to a width; three dots at its end say so.
func (f face) cut(s string, width vg.Length) string {
	if f.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && f.Width(string(runes)+"...") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "..."
}

// pen draws on a canvas.
type pen struct {
	vg.Canvas
	faces *faces
}

// text writes a line whose base line goes through a point, which lies at a share of its width: 0 is its left end, 1 its right one.
func (p *pen) text(f face, c color.Color, at vg.Point, share float64, s string) {
	if s == "" {
		return
	}
	p.SetColor(c)
	at.X -= vg.Length(share) * f.Width(s)
	p.FillString(f.Face, at, s)
}

func (p *pen) line(c color.Color, width vg.Length, dash []vg.Length, points []vg.Point) {
	if len(points) < 2 {
		return
	}
	p.SetColor(c)
	p.SetLineWidth(width)
	p.SetLineDash(dash, 0)
	p.Stroke(pathOf(points))
}

func (p *pen) fill(c color.Color, points ...vg.Point) {
	p.SetColor(c)
	path := pathOf(points)
	path.Close()
	p.Fill(path)
}

func (p *pen) dot(c color.Color, at vg.Point, radius vg.Length) {
	p.SetColor(c)
	var path vg.Path
	path.Move(vg.Point{X: at.X + radius, Y: at.Y})
	path.Arc(at, radius, 0, 2*math.Pi)
	path.Close()
	p.Fill(path)
}

// rim draws the white line below a path.
func (p *pen) rim(points []vg.Point) { p.line(white, 2.8, nil, points) }

// walk draws a stretch of a path in a style.
func (p *pen) walk(style int, points []vg.Point) {
	p.line(colors[style%len(colors)], 1.3, dashes[style/len(colors)%len(dashes)], points)
}

func pathOf(points []vg.Point) vg.Path {
	path := make(vg.Path, 0, len(points)+1)
	for i, x := range points {
		if i == 0 {
			path.Move(x)
			continue
		}
		path.Line(x)
	}
	return path
}
