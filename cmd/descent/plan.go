package main

// --dry-run: what a training would be, found out without training and without a folder.

import (
	"fmt"
	"time"

	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

func (p *program) plan(c train.Config, o outputFlags) error {
	plan, err := train.Check(c)
	if err != nil {
		return err
	}
	described := planned(plan)
	memory := plan.Memory
	if o.json {
		described["type"], described["layers"] = "plan", layersJSON(plan.Layers)
		described["memory"] = map[string]any{"weights": memory.Weights, "optimizer": memory.Optimizer, "activations": memory.Activations,
			"batches": memory.Batches, "total": memory.Total}
		return p.printJSON(described)
	}
	if o.quiet {
		return nil
	}
	described["name"] = "the plan of a training; nothing was trained or written"
	report.Terminal(p.stdout).Observe(run.Event{Type: "start", Time: time.Now(), Data: described})
	fmt.Fprintln(p.stdout)
	if err := report.LayerTable(reported(plan.Layers)).Text(p.stdout); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout)
	t := report.Table{Columns: []report.Column{{Name: "memory"}, {Name: "bytes", Right: true}}, Total: []string{"total", report.Bytes(float64(memory.Total))}}
	for _, row := range []struct {
		name  string
		bytes int64
	}{{"weights and gradients", memory.Weights}, {"optimizer", memory.Optimizer}, {"activations", memory.Activations}, {"batches", memory.Batches}} {
		t.Rows = append(t.Rows, []string{row.name, report.Bytes(float64(row.bytes))})
	}
	if err := t.Text(p.stdout); err != nil {
		return err
	}
	steps := "an open number of steps"
	if plan.Steps > 0 {
		steps = report.Count(plan.Steps) + " steps"
	}
	_, err = fmt.Fprintf(p.stdout, "\n%s of %s rows, %s an epoch\n", steps, report.Count(batchOf(plan)), report.Count(plan.StepsPerEpoch))
	return err
}

// planned is a plan in the keys of a run's first event.
func planned(plan *train.Plan) map[string]any {
	c := plan.Config
	loss := c.Loss
	if loss == nil { // the default of the task
		loss = nn.MeanSquares{}
		if plan.Task == "classification" {
			loss = nn.CrossEntropy{}
		}
	}
	features := 0
	for _, f := range plan.Features {
		features += f.Type.Shape.Size()
	}
	d := map[string]any{
		"data": c.Data, "task": plan.Task, "rows": map[string]any{"train": plan.Rows[0], "validation": plan.Rows[1], "test": plan.Rows[2]},
		"features": features, "fingerprint": plan.Fingerprint, "model": nn.Text(c.Model), "loss": nn.Text(loss), "optimizer": c.Optimizer.String(),
		"parameters": plan.Parameters, "batch": batchOf(plan), "steps": plan.Steps, "epochs": c.Epochs, "steps_per_epoch": plan.StepsPerEpoch,
		"seed": c.Seed, "threads": plan.Threads, "precision": c.Precision.String(), "kernels": plan.Kernels, "memory": plan.Memory.Total,
	}
	if plan.Classes != nil {
		classes := make([]any, len(plan.Classes))
		for i, name := range plan.Classes {
			classes[i] = name
		}
		d["classes"] = classes
	}
	d["schedule"] = scheduleText(train.Registries(), c.Optimizer.LR)
	return d
}

// batchOf is the number of rows of a whole step.
func batchOf(plan *train.Plan) int {
	if b := int(plan.Config.Batch); b > 0 && b < plan.Rows[0] {
		return b
	}
	return plan.Rows[0]
}
