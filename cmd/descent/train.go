package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/run"
	"github.com/descent-go/descent/train"
)

// train is the verb that trains.
func (p *program) train() *cobra.Command {
	var o outputFlags
	var dry bool
	c := &cobra.Command{
		Use:   "train DATA [flags]",
		Short: "train a network into a run folder",
		Long: "Trains a network on DATA: the name of a set inside the program (digits), a table with a header (flowers.csv), IDX images, or a folder " +
			"with the four files of MNIST. Everything about the run is written to a run folder, runs/DATA-N unless --out names another. Ctrl-C stops " +
			"with a checkpoint, and descent resume goes on to the same bits.",
		Example: `
  descent train digits
  descent train digits --seeds 5 --quiet
  descent train flowers.csv --label species --epochs 100 --early-stop 10
  descent train houses.csv --task regression --model "mlp(64, 64)"
  descent train mnist/ --model "mlp(512, 512, dropout=0.2)" --batch 128
  descent train digits --optimizer adamw --lr 3e-3 --beta2 0.99 --schedule "warmup(50, cosine)"
  descent train digits --config first.yaml --lr 0.01
  descent train --config runs/digits-1/config.json
  descent train digits --dry-run`,
		Args: oneDataSet,
	}
	groups := settings(train.Registries())
	for _, group := range settingGroups {
		define(c.Flags(), group, groups[group])
	}
	config := text(c, groupRun, "config", "FILE", "configuration to start from, YAML or a run's config.json; flags and DATA override it")
	out := text(c, groupRun, "out", "DIR", "run folder; it must not exist")
	seeds := whole(c, groupRun, "seeds", "N", "train N times, with seeds from --seed on, and give mean and interval; each run is in DIR/seed-K")
	toggle(c, &dry, groupRun, "dry-run", "check everything and print the plan, without training")
	toggle(c, &o.json, groupOutput, "json", "events as JSON, one a line, and nothing else")
	toggle(c, &o.quiet, groupOutput, "quiet", "only errors and a last line with the result")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 && config.text == "" {
			return &usageError{"DATA is missing: " + c.UseLine(), "descent train --help"}
		}
		settings, err := configuration(c.Flags(), config.text)
		if err != nil {
			return err
		}
		if len(args) > 0 {
			settings.Data = args[0]
		}
		settings.Version = release()
		n, err := countOfSeeds(c, seeds.text)
		switch {
		case err != nil:
			return err
		case dry:
			return p.plan(settings, o)
		case n > 0:
			return p.trainSeeds(c.Context(), settings, out.text, n, o)
		}
		return p.trainOnce(c.Context(), settings, out.text, o)
	}
	completeSettings(c)
	return c
}

// oneDataSet takes one DATA at most.
func oneDataSet(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &usageError{fmt.Sprintf("train takes one DATA, found %d: %q; train on one after the other, join tables into one file, or put quotes around a name with blanks", len(args), args), c.CommandPath() + " --help"}
	}
	return nil
}

// trainOnce trains into a folder of its own.
func (p *program) trainOnce(ctx context.Context, c train.Config, out string, o outputFlags) error {
	end, observers := p.observers(o)
	dir, err := inNewFolder(out, c.Data, func(dir string) error {
		_, err := train.Run(ctx, c, dir, observers...)
		return err
	})
	return p.conclude(o, end, dir, err)
}

// runsRoot is where runs go that are given no folder.
const runsRoot = "runs"

// inNewFolder calls create with the folder that the person named, or with one name after the other until none is taken. It returns the folder.
func inNewFolder(out, data string, create func(dir string) error) (string, error) {
	if out != "" {
		// Said before the data is read, which may take long.
		if _, err := os.Lstat(out); err == nil {
			return out, fmt.Errorf("--out: %q exists; name another folder, or go on with the run in it: descent resume %s", out, shellWord(out))
		}
		return out, create(out)
	}
	for tries := 1; ; tries++ {
		dir, err := run.NextDir(runsRoot, data)
		if err != nil {
			return "", err
		}
		// Another process may have taken the name since.
		if err = create(dir); !errors.Is(err, fs.ErrExist) || tries == 100 {
			return dir, err
		}
	}
}
