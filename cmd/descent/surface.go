package main

// surface is the verb that draws what optimizers do on a function of two variables. The functions and the walk are of optim/surface, the
// picture of report/plot.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/surface"
	"github.com/descent-go/descent/report/plot"
)

const (
	// surfaceWithin is the distance to a minimum that counts as there: in a picture the two are one point.
	surfaceWithin = 0.01
	// surfaceSteps is the longest walk: the picture and --json have a place for every step.
	surfaceSteps = 100_000
)

// numbersSyntax is numbers divided by commas.
var numbersSyntax = syntax{"NUMBER,...", "numbers divided by commas", func(s string) bool {
	return !slices.ContainsFunc(strings.Split(s, ","), func(x string) bool { return !isNumber(strings.TrimSpace(x)) })
}}

// surface is the verb.
func (p *program) surface() *cobra.Command {
	var asJSON, force bool
	c := &cobra.Command{
		Use:   "surface FUNCTION [flags]",
		Short: "what optimizers do on a function of two variables",
		Long: "Draws the paths of optimizers on a function of two variables, over its lines of equal value, and tells how many steps each took to the " +
			"minimum. Functions: " + strings.Join(surface.Names(), ", ") + ". Two optimizers on the ravine have a panel each, as in the survey's Figure 1.",
		Example: `
  descent surface ravine --optimizers sgd,momentum
  descent surface beale --optimizers "sgd,adam(lr=0.1, beta2=0.99)" --out beale.svg
  descent surface ravine --optimizers sgd,nesterov --condition 30 --lr 0.06,0.01
  descent surface saddle --json`,
		Args:      arguments(1, "FUNCTION"),
		ValidArgs: surface.Names(),
	}
	optimizers := text(c, groupOutput, "optimizers", "NAME,...", "alone or with settings, such as \"adam(lr=0.1)\"; if not given, sgd and momentum, on the saddle also adagrad, rmsprop and adam")
	rates := define1(c, groupOutput, "lr", numbersSyntax.as("RATE,..."), "learning rates: one for all optimizers, or one for each; if not given, rates that suit the function")
	start := define1(c, groupOutput, "start", numbersSyntax.as("X,Y"), "where all begin; the function's usual start if not given")
	steps := whole(c, groupOutput, "steps", "N", "steps of each; as many as the function wants if not given")
	condition := define1(c, groupOutput, "condition", numberSyntax, "of the ravine: how many times as much it curves across as along; 100 if not given")
	out := text(c, groupOutput, "out", "FILE", "picture to write: NAME.svg, NAME.png, or NAME for both; surface-FUNCTION if not given")
	toggle(c, &force, groupOutput, "force", "replace pictures that exist")
	toggle(c, &asJSON, groupOutput, "json", "one JSON object, with the paths")
	c.RunE = func(c *cobra.Command, args []string) error {
		d := descents{within: surfaceWithin}
		var err error
		if d.function, err = functionOf(args[0], condition.text, c.Flags().Changed("condition")); err != nil {
			return err
		}
		if d.start, err = startOf(d.function, start.text, c.Flags().Changed("start")); err != nil {
			return err
		}
		if d.steps, err = stepsOf(d.function, steps.text, c.Flags().Changed("steps")); err != nil {
			return err
		}
		chosen := optimizers.text
		if !c.Flags().Changed("optimizers") {
			chosen = usualPaths(d.function)
		}
		list, err := optimizersOf(d.function, chosen, rates.text, c.Flags().Changed("lr"))
		if err != nil {
			return err
		}
		files, err := picturesOf(out.text, c.Flags().Changed("out"), d.function.Name, force)
		if err != nil {
			return err
		}
		for _, o := range list {
			path, err := surface.Follow(d.function, o, d.start, d.steps)
			if err != nil {
				return err
			}
			d.paths = append(d.paths, path)
		}
		for _, file := range files {
			if err := writePicture(file, d.picture(), force); err != nil {
				return err
			}
		}
		if asJSON {
			return p.printJSON(d.json(files))
		}
		return d.tell(p, files)
	}
	c.RegisterFlagCompletionFunc("optimizers", cobra.FixedCompletions(optimizerNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func optimizerNames() []string {
	r, _ := spec.NewSet(optim.Lists()...).Registry("optimizer")
	return r.Names()
}

func functionOf(name, condition string, given bool) (surface.Function, error) {
	f, err := surface.Lookup(name)
	if err != nil || !given {
		return f, err
	}
	if f.Name != "ravine" {
		return f, fmt.Errorf("--condition: %s has no condition number to set; the ravine has: descent surface ravine --condition %s", f.Name, condition)
	}
	k, err := strconv.ParseFloat(condition, 64)
	if err != nil {
		return f, fmt.Errorf("--condition: found %s, wanted a number in [1, 1e6]", condition)
	}
	f, err = surface.Ravine(k)
	if err != nil {
		return f, fmt.Errorf("--condition: %w", err)
	}
	return f, nil
}

func startOf(f surface.Function, text string, given bool) ([]float64, error) {
	if !given {
		return f.Start, nil
	}
	x, err := numbersIn("--start", text)
	if err != nil {
		return nil, err
	}
	if len(x) != len(f.Start) {
		return nil, fmt.Errorf("--start: found %d of the %d numbers x and y, as in --start %s", len(x), len(f.Start), joined(f.Start))
	}
	if err := surface.CheckStart(x); err != nil {
		return nil, fmt.Errorf("--start: %w", err)
	}
	return x, nil
}

func stepsOf(f surface.Function, text string, given bool) (int, error) {
	if !given {
		return f.Steps, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 1 || n > surfaceSteps {
		return 0, fmt.Errorf("--steps: found %s, wanted a whole number in [1, %d]", text, surfaceSteps)
	}
	return int(n), nil
}

// usualPaths are the optimizers where none are chosen.
func usualPaths(f surface.Function) string {
	if len(f.Minima) == 0 {
		return "sgd,momentum,adagrad,rmsprop,adam"
	}
	return "sgd,momentum"
}

// optimizersOf reads the optimizers and gives each its rate: its own, that of --lr, or the one that suits the function.
func optimizersOf(f surface.Function, text, rates string, ratesGiven bool) ([]optim.Optimizer, error) {
	tree, err := spec.ParseText("--optimizers", "["+text+"]")
	if err != nil {
		return nil, err
	}
	if tree.Kind != spec.List || len(tree.Items) == 0 {
		return nil, fmt.Errorf("--optimizers: found %q, wanted names divided by commas, such as sgd,momentum", text)
	}
	if n := len(tree.Items); n > plot.MaxPaths {
		return nil, fmt.Errorf("--optimizers: found %d, wanted at most %d: more can't be told apart", n, plot.MaxPaths)
	}
	var given []float64
	if ratesGiven {
		if given, err = numbersIn("--lr", rates); err != nil {
			return nil, err
		}
		if n := len(tree.Items); len(given) != 1 && len(given) != n {
			return nil, fmt.Errorf("--lr: found %d rates for %d optimizers, wanted one for all or one for each", len(given), n)
		}
	}
	set := spec.NewSet(optim.Lists()...)
	var list []optim.Optimizer
	for i, v := range tree.Items {
		o, err := spec.Decode[optim.Optimizer](set, v)
		if err != nil {
			return nil, err
		}
		switch own := hasRate(v); {
		case own && given != nil:
			return nil, fmt.Errorf("--lr: %s has a rate of its own; leave it out there, or --lr", v)
		case given != nil:
			o.LR = optim.Constant(given[min(i, len(given)-1)])
			if err := o.Validate(); err != nil {
				return nil, fmt.Errorf("--lr: %w", err)
			}
		case !own:
			if rate, ok := f.Rates[o.Rule.Info().Name]; ok {
				o.LR = optim.Constant(rate)
			}
		}
		if err := o.Validate(); err != nil {
			return nil, fmt.Errorf("--optimizers: %s: %w", v, err)
		}
		list = append(list, o)
	}
	return list, nil
}

// hasRate tells whether an optimizer's text sets its rate: the first argument, or lr.
func hasRate(v spec.Value) bool {
	return len(v.Items) > 0 || slices.ContainsFunc(v.Pairs, func(p spec.Pair) bool { return p.Key == "lr" })
}

func numbersIn(flag, text string) ([]float64, error) {
	var list []float64
	for _, s := range strings.Split(text, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || math.IsNaN(v-v) {
			return nil, fmt.Errorf("%s: found %s, wanted finite numbers", flag, strings.TrimSpace(s))
		}
		list = append(list, v)
	}
	return list, nil
}
