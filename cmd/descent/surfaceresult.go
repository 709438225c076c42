package main

// What the verb surface came to: pictures, a table, JSON.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/surface"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/report/plot"
)

// descents are the paths of several optimizers on one function, from one start.
type descents struct {
	function surface.Function
	start    []float64
	steps    int
	within   float64
	paths    []surface.Path
}

// picture is what is drawn: a panel for each of two optimizers on the ravine, else one for all.
func (d descents) picture() plot.Surface {
	f, at := d.function, make([]float64, 2)
	s := plot.Surface{
		Title:    minus(strings.ToUpper(f.Name[:1]) + f.Name[1:] + ": f(x, y) = " + f.Formula),
		Subtitle: minus(d.setting()),
		Value:    func(x, y float64) float64 { at[0], at[1] = x, y; return f.Value(at) },
		Low:      f.Region.Low,
		High:     f.Region.High,
		Least:    f.Least,
		Minima:   f.Minima,
	}
	// A start outside is brought inside, with a margin.
	for i, x := range d.start {
		room := (f.Region.High[i] - f.Region.Low[i]) / 12
		s.Low[i], s.High[i] = min(s.Low[i], x-room), max(s.High[i], x+room)
	}
	apart := f.Name == "ravine" && len(d.paths) == 2
	if !apart {
		s.Panels = []plot.Panel{{}}
	}
	for i, p := range d.paths {
		path := plot.Path{Name: labelOf(p.Optimizer), Points: p.Evaluated()}
		if apart {
			s.Panels = append(s.Panels, plot.Panel{Title: fmt.Sprintf("(%c) %s: %s", 'a'+i, path.Name, d.outcome(p)), Paths: []plot.Path{path}})
			continue
		}
		s.Panels[0].Paths = append(s.Panels[0].Paths, path)
	}
	return s
}

// setting is what holds for all paths.
func (d descents) setting() string {
	text := "start " + point(d.start)
	if d.function.Condition > 0 {
		text += ", condition number " + report.Setting(math.Round(10*d.function.Condition)/10)
	}
	return text + fmt.Sprintf(", %s steps", report.Count(d.steps))
}

// outcome is how a path ended, in few words.
func (d descents) outcome(p surface.Path) string {
	if n, ok := p.Diverged(); ok {
		return fmt.Sprintf("diverged at step %s", report.Count(n))
	}
	if len(d.function.Minima) == 0 {
		if n, ok := p.Left(); ok {
			return fmt.Sprintf("left at step %s", report.Count(n))
		}
		return "stayed"
	}
	if n, ok := p.Reached(d.within); ok {
		return fmt.Sprintf("minimum after %s steps", report.Count(n))
	}
	return "not at the minimum"
}

// labelOf is an optimizer in a legend: its name and rate, and its other settings where they aren't the defaults.
func labelOf(o optim.Optimizer) string {
	rate, constant := o.LR.(optim.Constant)
	usual, err := optim.Parse(o.Rule.Info().Name)
	if err == nil && constant {
		usual.LR = o.LR
		if reflect.DeepEqual(usual, o) {
			return fmt.Sprintf("%s, rate %s", o.Rule.Info().Name, report.Setting(float64(rate)))
		}
	}
	return o.String()
}

func joined(x []float64) string {
	var parts []string
	for _, v := range x {
		parts = append(parts, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(parts, ",")
}

// point is a point as one writes it: (-1.5, 1e-6).
func point(x []float64) string {
	return "(" + strings.ReplaceAll(strings.ReplaceAll(joined(x), "e-0", "e-"), ",", ", ") + ")"
}

// minus has minus signs for hyphens, as in print.
func minus(s string) string { return strings.ReplaceAll(s, "-", "\u2212") }

// tell prints what is drawn, a line for each optimizer, and the files.
func (d descents) tell(p *program, files []string) error {
	f := d.function
	head := fmt.Sprintf("descent  %s: f(x, y) = %s\n  %s", f.Name, f.Formula, d.setting())
	column := fmt.Sprintf("to within %v", d.within)
	if len(f.Minima) > 0 {
		var list []string
		for _, m := range f.Minima {
			list = append(list, "("+report.Setting(m[0])+", "+report.Setting(m[1])+")")
		}
		head += ", minimum at " + strings.Join(list, ", ")
	} else {
		head += ", no minimum: it falls without end along y"
		column = "out of the picture"
	}
	t := report.Table{Columns: []report.Column{
		{Name: "optimizer"}, {Name: "rate", Right: true}, {Name: column, Right: true}, {Name: "after the last step", Right: true}, {Name: "value", Right: true}}}
	for _, path := range d.paths {
		name, rate := path.Optimizer.String(), "schedule"
		if r, constant := path.Optimizer.LR.(optim.Constant); constant {
			rate = report.Setting(float64(r))
			if label := labelOf(path.Optimizer); label != name {
				name = path.Optimizer.Rule.Info().Name
			}
		}
		points := path.Evaluated()
		last := points[len(points)-1]
		t.Rows = append(t.Rows, []string{name, rate, d.counted(path), "(" + report.Number(last[0]) + ", " + report.Number(last[1]) + ")", report.Number(f.Value(last))})
	}
	var b bytes.Buffer
	b.WriteString(head + "\n\n")
	if err := t.Text(&b); err != nil {
		return err
	}
	b.WriteByte('\n')
	for _, file := range files {
		b.WriteString("  " + report.Clean(file) + "\n")
	}
	return p.print(b.String())
}

// counted is the step that counts, in the table.
func (d descents) counted(p surface.Path) string {
	if n, ok := p.Diverged(); ok {
		return fmt.Sprintf("diverged at %s", report.Count(n))
	}
	n, ok := p.Reached(d.within)
	if len(d.function.Minima) == 0 {
		n, ok = p.Left()
	}
	if !ok {
		return fmt.Sprintf("not in %s steps", report.Count(d.steps))
	}
	return report.Count(n) + " steps"
}

// json is all of it for programs.
func (d descents) json(files []string) map[string]any {
	f := d.function
	object := map[string]any{
		"type": "surface", "function": f.Name, "formula": f.Formula, "source": f.Source, "start": values(d.start), "steps": d.steps,
		"within": d.within, "minima": pointsJSON(f.Minima), "condition": nil, "files": files,
	}
	if f.Condition > 0 {
		object["condition"] = f.Condition
	}
	var list []any
	for _, p := range d.paths {
		points := p.Evaluated()
		last := points[len(points)-1]
		o := map[string]any{
			"optimizer": p.Optimizer.String(), "name": p.Optimizer.Rule.Info().Name, "lr": nil,
			"end": values(last), "value": f.Value(last), "path": pointsJSON(points),
		}
		if r, constant := p.Optimizer.LR.(optim.Constant); constant {
			o["lr"] = float64(r)
		}
		for key, step := range map[string]func() (int, bool){"reached": func() (int, bool) { return p.Reached(d.within) }, "left": p.Left, "diverged": p.Diverged} {
			o[key] = nil
			if n, ok := step(); ok {
				o[key] = n
			}
		}
		list = append(list, o)
	}
	object["optimizers"] = list
	return object
}

func values(x []float64) []any {
	list := []any{}
	for _, v := range x {
		list = append(list, v)
	}
	return list
}

func pointsJSON(points [][]float64) []any {
	list := []any{}
	for _, x := range points {
		list = append(list, values(x))
	}
	return list
}

// picturesOf are the files to write, refused where they exist.
func picturesOf(out string, given bool, function string, force bool) ([]string, error) {
	if !given {
		out = "surface-" + function
	}
	var files []string
	switch extension := strings.TrimPrefix(filepath.Ext(out), "."); {
	case filepath.Base(out) == "." || out == "" || strings.HasSuffix(out, "/") || strings.HasSuffix(out, `\`):
		return nil, fmt.Errorf("--out: found %q, wanted the name of a file, such as figure.svg", out)
	case slices.Contains(plot.Formats(), strings.ToLower(extension)):
		files = []string{out}
	case extension == "":
		for _, format := range plot.Formats() {
			files = append(files, out+"."+format)
		}
	default:
		return nil, fmt.Errorf("--out: found %q, wanted a name that ends in .%s", out, strings.Join(plot.Formats(), " or ."))
	}
	for _, file := range files {
		if info, err := os.Lstat(file); err == nil && (!force || info.IsDir()) {
			return nil, pictureExists(file, info.IsDir())
		}
	}
	return files, nil
}

func pictureExists(file string, isDir bool) error {
	if isDir {
		return fmt.Errorf("%q is a folder; --out names a file", file)
	}
	return fmt.Errorf("%q exists; --force replaces it, --out writes elsewhere", file)
}

// writePicture draws a picture into a file. One that exists is replaced as a whole, or not at all.
func writePicture(file string, s plot.Surface, force bool) error {
	var picture bytes.Buffer
	if err := plot.Contour(&picture, strings.ToLower(strings.TrimPrefix(filepath.Ext(file), ".")), s); err != nil {
		return err
	}
	name, flags := file, os.O_EXCL
	if force {
		name, flags = file+".part", os.O_TRUNC
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|flags, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return pictureExists(file, false)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(picture.Bytes())
	err = errors.Join(err, f.Close())
	if err == nil && force {
		err = os.Rename(name, file)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}
