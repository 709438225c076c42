package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/report/plot"
	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

// show is the verb that shows a run or a model.
func (p *program) show() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RUN|MODEL [flags]",
		Short: "summary, learning curves, layers",
		Long: "Shows a run, also one that is going on at this moment: what is trained, learning curves, layers with their cost, and what came of it. " +
			"Of a model.safetensors: what it takes, what it answers, and its layers.",
		Example: `
  descent show runs/digits-1
  descent show runs/digits-1/model.safetensors
  descent show runs/digits-1 --json`,
		Args:              arguments(1, "RUN|MODEL"),
		ValidArgsFunction: folders,
	}
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RunE = func(c *cobra.Command, args []string) error {
		if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
			return p.showModel(args[0], asJSON)
		} else if err != nil {
			return missing("run or model", args[0], err)
		}
		return p.showRun(args[0], asJSON)
	}
	return c
}

func (p *program) showRun(dir string, asJSON bool) error {
	if err := isRun(dir); err != nil {
		return err
	}
	folder, err := run.View(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	layers := layersOfRun(folder)
	if asJSON {
		return p.runAsJSON(dir, folder, layers)
	}
	shown := report.Shown{Events: folder.Events(), Layers: reported(layers), Curves: plot.Curves}
	return report.Show(p.stdout, shown)
}

// layersOfRun are the layers of the run's model or, before there is one, of its configuration; nil where the data is gone.
func layersOfRun(folder *run.Folder) []train.Layer {
	if text, err := folder.Model(); err == nil {
		if m, err := descent.Load(text); err == nil {
			return layersOfModel(m)
		}
	}
	c, err := train.Read(folder)
	if err != nil {
		return nil
	}
	plan, err := train.Check(c)
	if err != nil {
		return nil
	}
	return plan.Layers
}

func layersOfModel(m *descent.Model) []train.Layer {
	width := 4
	if w := m.Weights(); len(w) > 0 && w[0].F64 != nil {
		width = 8
	}
	return train.Layers(m.Graph(), width)
}

// reported brings layers into the report's form.
func reported(layers []train.Layer) []report.Layer {
	var list []report.Layer
	for _, l := range layers {
		list = append(list, report.Layer{Name: l.Name, Operation: l.Operation, Shape: shapeText(l.Shape),
			Parameters: l.Parameters, MultiplyAdds: l.MultiplyAdds, Bytes: l.Bytes})
	}
	return list
}

func shapeText(s engine.Shape) string {
	if len(s) == 0 {
		return "1"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint([]int(s)), "[]"), " ", " x ")
}

func layersJSON(layers []train.Layer) []any {
	list := []any{}
	for _, l := range layers {
		list = append(list, map[string]any{"layer": l.Name, "operation": l.Operation, "shape": []int(l.Shape),
			"parameters": l.Parameters, "multiply_adds": l.MultiplyAdds, "bytes": l.Bytes})
	}
	return list
}

// runAsJSON is a run as one object: its first event, its evaluations, how it ended.
func (p *program) runAsJSON(dir string, folder *run.Folder, layers []train.Layer) error {
	object := map[string]any{"dir": dir, "layers": layersJSON(layers)}
	evaluations := []any{}
	last := run.Event{}
	for e, err := range folder.Events() {
		if err != nil {
			p.complain(err)
			continue
		}
		last = e
		switch e.Type {
		case "start":
			object["start"] = e
		case "eval":
			evaluations = append(evaluations, e)
		case "done", "failed", "stop":
			object["end"] = e
		case "resume":
			delete(object, "end")
		}
	}
	object["evaluations"], object["step"], object["epoch"] = evaluations, last.Step, last.Epoch
	return p.printJSON(object)
}

func (p *program) showModel(path string, asJSON bool) error {
	m, _, err := load(path)
	if err != nil {
		return err
	}
	layers := layersOfModel(m)
	inputs, parameters := []string{}, int64(0)
	for _, c := range m.Inputs() {
		name := c.Name
		if c.Shape != nil {
			name += " (" + shapeText(c.Shape) + ")"
		}
		inputs = append(inputs, name)
	}
	for _, l := range layers {
		parameters += l.Parameters
	}
	target := m.Pipeline().Target()
	if asJSON {
		object := map[string]any{"model": nn.Text(m.Layer()), "loss": nn.Text(m.Loss()), "inputs": inputs, "width": m.Width(), "target": target.Name,
			"scaling": m.Pipeline().Scaling(), "parameters": parameters, "layers": layersJSON(layers)}
		if classes := m.Classes(); classes != nil {
			object["classes"] = classes
		}
		return p.printJSON(object)
	}
	fmt.Fprintln(p.stdout, "descent  "+report.Clean(path))
	line := func(label, value string) {
		for i, l := range wrapped(report.Clean(value), max(20, p.width()-17)) {
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(p.stdout, "  %-15s%s\n", label, l)
		}
	}
	line("takes", short(inputs)+", scaled by "+m.Pipeline().Scaling())
	answer := "a number, " + target.Name
	if classes := m.Classes(); classes != nil {
		answer = target.Name + ", one of " + report.Count(len(classes)) + " classes: " + short(classes)
	}
	line("answers", answer)
	line("model", nn.Text(m.Layer()))
	line("parameters", report.Count(parameters))
	line("loss", nn.Text(m.Loss()))
	fmt.Fprintln(p.stdout)
	return report.LayerTable(reported(layers)).Text(p.stdout)
}

// short lists the first of many names.
func short(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
