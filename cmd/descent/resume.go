package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

// resume is the verb that goes on.
func (p *program) resume() *cobra.Command {
	var o outputFlags
	c := &cobra.Command{
		Use:   "resume RUN [flags]",
		Short: "go on with a stopped run, to the same bits",
		Long: "Goes on with the run in a folder from its last checkpoint: after Ctrl-C, a crash or a power cut it ends with the same bits as a run that " +
			"was never stopped. A run that is over goes on when a new limit is given; the limit that ended it is then lifted.",
		Example: `
  descent resume runs/digits-1
  descent resume runs/digits-1 --epochs 60
  descent resume runs/digits-1 --time 10m --threads 1`,
		Args:              arguments(1, "RUN"),
		ValidArgsFunction: folders,
	}
	all := settings(train.Registries())
	for _, group := range settingGroups {
		for _, s := range all[group] {
			switch s.flag {
			case "epochs":
				s.help = "passes over the training part in all, those done so far among them"
			case "steps":
				s.help = "updates in all"
			case "time":
				s.help = "time of training in all, such as 90s, 10m or 1h30m"
			case "threads":
			default:
				continue
			}
			define(c.Flags(), groupRun, []setting{s})
		}
	}
	toggle(c, &o.json, groupOutput, "json", "events as JSON, one a line, and nothing else")
	toggle(c, &o.quiet, groupOutput, "quiet", "only errors and a last line with the result")
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.goOn(c.Context(), args[0], c.Flags(), o)
	}
	return c
}

// goOn resumes the run in dir.
func (p *program) goOn(ctx context.Context, dir string, flags *pflag.FlagSet, o outputFlags) error {
	config, first, last, err := began(dir)
	if err != nil {
		return err
	}
	if err := changed(&config, flags, last); err != nil {
		return err
	}
	config.Version = release()
	end, observers := p.observers(o, report.Begun(first))
	_, err = train.Resume(ctx, &config, dir, observers...)
	return p.conclude(o, end, dir, err)
}

// began reads what a run was started with, its first event and its last.
func began(dir string) (config train.Config, first, last run.Event, err error) {
	if err := isRun(dir); err != nil {
		return config, first, last, err
	}
	folder, err := run.View(dir)
	if err != nil {
		return config, first, last, err
	}
	defer folder.Close()
	if config, err = train.Read(folder); err != nil {
		return config, first, last, err
	}
	for e, err := range folder.Events() {
		if err != nil {
			continue // a damaged line is told of when the run goes on
		}
		if first.Type == "" {
			first = e
		}
		last = e
	}
	return config, first, last, nil
}

// changed applies the flags of resume to a run's configuration.
func changed(c *train.Config, flags *pflag.FlagSet, last run.Event) error {
	var over []spec.Override
	longer := false
	for _, name := range []string{"epochs", "steps", "time", "threads"} {
		if f := flags.Lookup(name); f.Changed {
			over = append(over, spec.Override{Path: name, Value: spec.Flag("--"+name, f.Value.String())})
			longer = longer || name != "threads"
		}
	}
	if over == nil {
		return nil
	}
	if reason, _ := last.Text("reason"); longer && last.Type == "done" {
		switch reason {
		case "epochs":
			c.Epochs = 0
		case "steps":
			c.Steps = 0
		case "time":
			c.Time = 0
		case "until":
			c.Until = train.Until{}
		case "early":
			c.EarlyStop = 0
		}
	}
	if err := c.Parse(spec.Value{Kind: spec.Map}, over...); err != nil {
		return err
	}
	if longer && c.Epochs == 0 && c.Steps == 0 && c.Time == 0 {
		return fmt.Errorf("--epochs, --steps or --time must be more than 0")
	}
	return nil
}
