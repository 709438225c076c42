package main

// The flags that describe a training. Each sets one key of the configuration, whatever the file of --config says there; the settings of
// optimizers come from the registry. A flag checks here only that its text is of its type, which is what exit status 2 is about; ranges and
// names are the configuration's to judge.

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/train"
)

// syntax is what the text of a flag must look like.
type syntax struct {
	word   string // in help: --lr NUMBER
	wanted string
	ok     func(string) bool
}

var (
	textSyntax   = syntax{"TEXT", "text", func(string) bool { return true }}
	wholeSyntax  = syntax{"N", "a whole number", isWhole}
	numberSyntax = syntax{"NUMBER", "a number", isNumber}
	batchSyntax  = syntax{"N", "full or a whole number", func(s string) bool { return s == "full" || isWhole(s) }}
	timeSyntax   = syntax{"TIME", "a time such as 90s, 10m or 1h30m", func(s string) bool { _, err := time.ParseDuration(s); return err == nil }}
	untilSyntax  = syntax{"METRIC=VALUE", "a metric and a value such as accuracy=0.97", func(s string) bool {
		name, value, ok := strings.Cut(s, "=")
		return ok && strings.TrimSpace(name) != "" && isNumber(strings.TrimSpace(value))
	}}
	everySyntax  = syntax{"HOW OFTEN", "a number of steps, a number of epochs such as \"2 epochs\", or a time such as 10m", func(s string) bool { _, _, ok := every(s); return ok }}
	weightSyntax = syntax{"balanced|W,...", "balanced, or numbers divided by commas", func(s string) bool { _, ok := weights(s); return ok }}
	listSyntax   = syntax{"NAME,...", "names divided by commas", func(s string) bool { _, err := names(s); return err == nil }}
)

// every reads how often something happens: the key of train.Every that it sets, and the value.
func every(s string) (key, value string, ok bool) {
	s = strings.TrimSpace(s)
	if n, unit, found := strings.Cut(s, " "); found {
		unit = strings.TrimSpace(unit)
		return "epochs", n, (unit == "epochs" || unit == "epoch") && isNumber(n)
	}
	if timeSyntax.ok(s) && !isNumber(s) {
		return "time", s, true
	}
	return "steps", s, isWhole(s)
}

// weights reads class weights.
func weights(s string) (spec.Value, bool) {
	if s == "balanced" {
		return spec.StringValue(s), true
	}
	v := spec.Value{Kind: spec.List}
	for _, w := range strings.Split(s, ",") {
		if w = strings.TrimSpace(w); !isNumber(w) {
			return v, false
		}
		v.Items = append(v.Items, spec.Bare(w, spec.Pos{}))
	}
	return v, true
}

func (s syntax) as(word string) syntax { s.word = word; return s }

// isNumber takes infinities and NaN for numbers: they are out of every range, which is another mistake than a word.
func isNumber(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan", "inf", "infinity":
		return true
	}
	return spec.Bare(s, spec.Pos{}).Kind == spec.Number
}

func isWhole(s string) bool {
	if spec.Bare(s, spec.Pos{}).Kind != spec.Number {
		return false
	}
	v, err := strconv.ParseFloat(s, 64)
	return err != nil || v == float64(int64(v)) || v >= 1<<63 || v < -1<<63 // too large is out of range, not of another type
}

func names(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(s))
	r.TrimLeadingSpace = true
	list, err := r.Read()
	if err == nil {
		if _, more := r.Read(); more == nil {
			err = errors.New("more than one line")
		}
	}
	return list, err
}

// argument is the value of a flag: its text, checked against a syntax.
type argument struct {
	syntax syntax
	text   string
}

func (a *argument) String() string { return a.text }
func (a *argument) Type() string   { return a.syntax.word }
func (a *argument) Set(s string) error {
	if !a.syntax.ok(s) {
		return errors.New("wanted " + a.syntax.wanted)
	}
	a.text = s
	return nil
}

// switchValue is a flag without an argument, or with =true or =false.
type switchValue struct{ text string }

func (b *switchValue) String() string   { return b.text }
func (b *switchValue) Type() string     { return "" }
func (b *switchValue) IsBoolFlag() bool { return true }
func (b *switchValue) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("wanted true or false")
	}
	b.text = strconv.FormatBool(v)
	return nil
}

// setting is a flag of the configuration.
type setting struct {
	flag   string
	key    string // in the configuration, dotted
	syntax syntax // the zero syntax: a switch
	help   string
}

// settings are the flags of train by group, in the order of the help text.
func settings(set *spec.Set) map[string][]setting {
	list := func(kind string) string {
		r, _ := set.Registry(kind)
		return strings.Join(r.Names(), ", ")
	}
	groups := map[string][]setting{
		groupData: {
			{"label", "label", textSyntax.as("COLUMN"), "of a table: the column to predict; the last if not given"},
			{"task", "task", textSyntax.as("TASK"), "of a table: classification or regression; found out if not given"},
			{"drop", "drop", listSyntax.as("COLUMN,..."), "of a table: columns to leave out"},
			{"no-header", "no_header", syntax{}, "of a table: the first line is a row"},
			{"scaling", "scaling", textSyntax.as("HOW"), "of the features: none, standardize, range, minmax; what fits the data if not given"},
			{"raw-target", "raw_target", syntax{}, "of a regression: learn the target as it is, not standardized"},
			{"test", "split.test", numberSyntax.as("SHARE"), "of the rows held out for the test; 0.2 if not given, 0 for none; the set's own test part comes first"},
			{"validation", "split.validation", numberSyntax.as("SHARE"), "of the other rows held out for choosing and stopping; 0.1 if not given, 0 for none"},
			{"test-as-validation", "split.test_as_validation", syntax{}, "choose and stop by the test part, and train on all other rows"},
		},
		groupNetwork: {
			{"model", "model", textSyntax.as("LAYER"), "network, such as \"mlp(512, 512, activation=relu, dropout=0.2)\" or \"[dense(64), relu, dense(10)]\"; layers: " + list("layer")},
			{"loss", "loss", textSyntax.as("LOSS"), "what is made small; " + list("loss")},
			{"class-weight", "class_weight", weightSyntax, "how much the rows of a class count: balanced makes all classes count alike; or a number for each class"},
			{"sum-loss", "sum_loss", syntax{}, "the loss of a batch is the sum over its rows, not the mean"},
			{"from", "from", textSyntax.as("MODEL"), "saved model or run whose weights to start from"},
			{"frozen", "frozen", listSyntax.as("PATH,..."), "layers or parameters that stay as they are"},
			{"precision", "precision", textSyntax.as("TYPE"), "float32, bfloat16 (of products only) or float64"},
		},
		groupDescent: {
			{"optimizer", "optimizer", textSyntax.as("NAME"), list("optimizer") + ", alone or with settings: \"adamw(lr=1e-3, beta2=0.99)\""},
			{"lr", "optimizer.lr", numberSyntax.as("RATE"), "learning rate; the optimizer's own if not given"},
			{"schedule", "optimizer.lr", textSyntax.as("NAME"), list("schedule") + ", such as cosine or \"warmup(100, cosine)\"; a schedule without a rate of its own starts from --lr"},
			{"batch", "batch", batchSyntax, "rows a step, or full"},
			{"micro", "micro", wholeSyntax, "rows at once; larger batches are accumulated from parts"},
			{"replace", "replace", syntax{}, "draw the rows of each batch with replacement"},
			{"drop-last", "drop_last", syntax{}, "leave out an epoch's last batch when it is short"},
		},
		groupLength: {
			{"epochs", "epochs", wholeSyntax, "passes over the training part; 30 if nothing else ends the training"},
			{"steps", "steps", wholeSyntax, "updates"},
			{"time", "time", timeSyntax, "such as 90s, 10m or 1h30m"},
			{"until", "until", untilSyntax, "validation metric that is enough, such as accuracy=0.97"},
			{"early-stop", "early_stop", wholeSyntax, "evaluations without improvement that end the training"},
		},
		groupRun: {
			{"seed", "seed", wholeSyntax, "of weights, order, masks and splits"},
			{"threads", "threads", wholeSyntax, "all cores if not given; results do not depend on it"},
			{"kernels", "kernels", textSyntax.as("NAME"), "kernel set; the best of this machine if not given (see descent version)"},
			{"evaluate-every", "evaluate", everySyntax, "how often to evaluate on validation; each epoch if not given"},
			{"checkpoint-every", "checkpoint", everySyntax, "how often to write a checkpoint, such as 500, \"2 epochs\" or 10m; about ten times a training if not given"},
			{"snapshots", "snapshots", wholeSyntax, "times to keep the weights, spread over the training; attachments of the run"},
			{"watch", "watch", syntax{}, "read every layer's instruments at each report"},
			{"report", "report", wholeSyntax, "steps between step events; about two hundred in a training if not given"},
		},
	}
	groups[groupSettings] = optimizerSettings(set, groups)
	return groups
}

// optimizerSettings are the settings of all optimizers, each once, with the optimizers that have it in its help. Others are the flags that
// there are already.
func optimizerSettings(set *spec.Set, others map[string][]setting) []setting {
	taken := map[string]bool{"config": true, "out": true, "seeds": true, "dry-run": true, "json": true, "quiet": true, "help": true}
	for _, group := range others {
		for _, s := range group {
			taken[s.flag] = true
		}
	}
	r, _ := set.Registry("optimizer")
	entries := r.Entries()
	var order []string
	owned := map[string][]ownedSetting{}
	for _, e := range entries {
		for _, p := range set.Parameters(e.Prototype) {
			if strings.Contains(p.Key, ".") || p.Key == "lr" || p.Key == "groups" {
				continue
			}
			if owned[p.Key] == nil {
				order = append(order, p.Key)
			}
			owned[p.Key] = append(owned[p.Key], ownedSetting{e.Name, p})
		}
	}
	// What few have comes first: that is what one chooses an optimizer for.
	slices.SortStableFunc(order, func(a, b string) int { return len(owned[a]) - len(owned[b]) })
	var list []setting
	for _, key := range order {
		s := setting{flag: strings.ReplaceAll(key, "_", "-"), key: "optimizer." + key, syntax: syntaxOf(owned[key]), help: helpOf(owned[key], len(entries))}
		if taken[s.flag] {
			s.flag = "optimizer-" + s.flag
		}
		list = append(list, s)
	}
	return list
}

// ownedSetting is a setting as one optimizer has it.
type ownedSetting struct {
	owner string
	spec.Parameter
}

// syntaxOf is what all owners of a setting take.
func syntaxOf(list []ownedSetting) syntax {
	first := list[0]
	for _, o := range list {
		if o.Type != first.Type || o.Switch != first.Switch {
			return textSyntax
		}
	}
	switch {
	case first.Switch:
		return syntax{}
	case first.Type == "a number":
		return numberSyntax
	case first.Type == "a whole number":
		return wholeSyntax
	}
	return textSyntax
}

// helpOf joins what the owners of a setting say of it.
func helpOf(list []ownedSetting, all int) string {
	var texts []string
	owners := map[string][]string{}
	for _, o := range list {
		if owners[o.Help] == nil {
			texts = append(texts, o.Help)
		}
		owners[o.Help] = append(owners[o.Help], o.owner)
	}
	for i, text := range texts {
		if len(list) < all || len(texts) > 1 {
			texts[i] = strings.Join(owners[text], ", ") + ": " + text
		}
	}
	help := strings.Join(texts, "; ")
	if d := defaultsText(list); d != "" && !list[0].Switch {
		help += " (" + d + ")"
	}
	return help
}

// defaultsText is "0.9" where all have it, else "0; adamw 0.01".
func defaultsText(list []ownedSetting) string {
	counts := map[string]int{}
	usual := list[0].Default
	for _, o := range list {
		if counts[o.Default]++; counts[o.Default] > counts[usual] {
			usual = o.Default
		}
	}
	text := usual
	for _, o := range list {
		if o.Default != usual {
			text += "; " + o.owner + " " + o.Default
		}
	}
	return text
}

// define adds settings to a command's flags.
func define(flags *pflag.FlagSet, group string, list []setting) {
	for _, s := range list {
		var f *pflag.Flag
		if s.syntax.ok == nil {
			f = flags.VarPF(&switchValue{}, s.flag, "", s.help)
			f.NoOptDefVal = "true"
		} else {
			f = flags.VarPF(&argument{syntax: s.syntax}, s.flag, "", s.help)
		}
		f.Annotations = map[string][]string{groupKey: {group}}
	}
}

// overrides are the settings that were given as flags.
func overrides(flags *pflag.FlagSet, set *spec.Set) ([]spec.Override, error) {
	var over []spec.Override
	groups := settings(set)
	for _, group := range settingGroups {
		for _, s := range groups[group] {
			f := flags.Lookup(s.flag)
			if !f.Changed || s.flag == "schedule" {
				continue
			}
			source, text := "--"+s.flag, f.Value.String()
			v := spec.Flag(source, text)
			switch {
			case s.syntax.word == listSyntax.word || s.syntax.wanted == listSyntax.wanted:
				list, _ := names(text)
				v = spec.Value{Kind: spec.List, Pos: v.Pos}
				for _, name := range list {
					v.Items = append(v.Items, spec.Value{Kind: spec.String, Text: name, Pos: v.Pos})
				}
			case s.flag == "lr" && spec.Bare(text, v.Pos).Kind != spec.Number:
				return nil, fmt.Errorf("--lr: found %s, wanted a number > 0: infinite and NaN are not accepted", text)
			case s.syntax.wanted == everySyntax.wanted:
				// One way to count takes the place of all that the file may say.
				key, value, _ := every(text)
				for _, k := range []string{"steps", "epochs", "time"} {
					given := "0"
					if k == key {
						given = value
					}
					over = append(over, spec.Override{Path: s.key + "." + k, Value: spec.Flag(source, given)})
				}
				continue
			case s.syntax.wanted == weightSyntax.wanted:
				list, _ := weights(text)
				list.Pos = v.Pos
				for i := range list.Items {
					list.Items[i].Pos = v.Pos
				}
				v = list
			case s.flag == "test" || s.flag == "validation":
				over = append(over, share(s, v)...)
				continue
			}
			over = append(over, spec.Override{Path: s.key, Value: v})
		}
	}
	return over, nil
}

// share is a share of the rows: none at all for 0, which in the configuration is a switch.
func share(s setting, v spec.Value) []spec.Override {
	x, err := strconv.ParseFloat(v.Text, 64)
	none := spec.BoolValue(err == nil && x == 0)
	none.Pos = v.Pos
	return []spec.Override{{Path: "split.no_" + s.flag, Value: none}, {Path: s.key, Value: v}}
}

// configuration is what the file and the flags say together.
func configuration(flags *pflag.FlagSet, file string) (train.Config, error) {
	set := train.Registries()
	c := train.Config{Optimizer: usualOptimizer(set)}
	base := spec.Value{Kind: spec.Map}
	if file != "" {
		var err error
		if base, err = readConfig(file); err != nil {
			return c, err
		}
	}
	over, err := overrides(flags, set)
	if err != nil {
		return c, err
	}
	schedule, rate := flags.Lookup("schedule"), flags.Lookup("lr")
	if schedule.Changed {
		over, err = withSchedule(set, base, over, schedule.Value.String(), rate.Changed)
		if err != nil {
			return c, tidy(err, settings(set))
		}
	} else if rate.Changed {
		if err := keepsSchedule(base, over); err != nil {
			return c, err
		}
	}
	err = c.Parse(base, over...)
	return c, tidy(err, settings(set))
}

// tidy takes the key out of errors about a flag that sets it: the flag says the same.
func tidy(err error, groups map[string][]setting) error {
	var list spec.Errors
	if !errors.As(err, &list) {
		return err
	}
	for _, e := range list {
		for _, group := range groups {
			for _, s := range group {
				if "--"+s.flag == e.Pos.Source && (s.key == e.Path || strings.HasPrefix(s.key, e.Path+".")) {
					e.Path = ""
				}
			}
		}
	}
	return list
}
