package main

// All about one optimizer: what descent optimizers NAME shows, and both forms as JSON.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/report"
)

// cardSettings are the keys of an optimizer with their defaults, those of the rule first.
func cardSettings(name string) []spec.Parameter {
	set := spec.NewSet(optim.Lists()...)
	r, _ := set.Registry("optimizer")
	e, err := r.Lookup(name)
	if err != nil {
		return nil
	}
	list := slices.DeleteFunc(set.Parameters(e.Prototype), func(p spec.Parameter) bool { return strings.Contains(p.Key, ".") })
	return list
}

// card shows one optimizer.
func (p *program) card(c optim.Card, of network) error {
	width := min(p.columns(), 100)
	fmt.Fprintf(p.stdout, "optimizer  %s: %s\n", report.Clean(c.Name), report.Clean(c.Help))
	block := func(label string, lines ...string) {
		for _, value := range lines {
			for i, l := range wrapped(report.Clean(value), width-16) {
				if i > 0 {
					l = "  " + l
				}
				fmt.Fprintln(p.stdout, strings.TrimRight(fmt.Sprintf("  %-14s%s", label, l), " "))
				label = ""
			}
		}
	}
	block("formula", c.Formula)
	block("source", c.Source)
	block("state", fmt.Sprintf("%s bytes a parameter in float32, beside weight and gradient", report.Setting(c.PerWeight)))
	if of.parameters > 0 {
		block("", fmt.Sprintf("%s for %s", report.Bytes(float64(c.Bytes)), strings.TrimPrefix(of.title(), "optimizers  for ")))
	}
	block("tunable", fmt.Sprintf("%d: %s", len(c.Tunable), strings.Join(c.Tunable, ", ")))
	block("strengths", c.Strengths...)
	block("weaknesses", c.Weaknesses...)
	block("differs", c.Differs...)
	block("written as", c.Default.String())
	fmt.Fprintln(p.stdout)
	if err := settingsTable(c.Name, width).Text(p.stdout); err != nil {
		return err
	}
	if c.Survey.Name == "" {
		return nil
	}
	fmt.Fprintln(p.stdout, "\nThe survey's Figure 2 has it as "+c.Survey.Name)
	block("state", c.Survey.State)
	block("tunable", strconv.Itoa(c.Survey.Tunable))
	block("strengths", c.Survey.Strengths...)
	block("weaknesses", c.Survey.Weaknesses...)
	if len(c.Survey.Corrections) == 0 {
		return nil
	}
	fmt.Fprintln(p.stdout, "\nOur corrections")
	for _, correction := range c.Survey.Corrections {
		block("", correctionText(correction))
	}
	return nil
}

// settingsTable has a row a setting, and more for a long help.
func settingsTable(name string, width int) report.Table {
	t := report.Table{Columns: []report.Column{{Name: "setting"}, {Name: "default"}, {Name: "range"}, {Name: "what it is"}}}
	const most = 38
	for _, s := range cardSettings(name) {
		taken := s.Range
		if taken == "" {
			taken = s.Type
		}
		shown := s.Default
		if s.Switch && shown == "" {
			shown = "false"
		}
		taking, help := wrapped(taken, 24), wrapped(s.Help, min(most, max(20, width-50)))
		for i := range max(len(taking), len(help)) {
			row := []string{"", "", lineAt(taking, i), lineAt(help, i)}
			if i == 0 {
				row[0], row[1] = s.Key, shown
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func cardsJSON(cards []optim.Card, of network) []any {
	list := []any{}
	for _, c := range cards {
		list = append(list, cardJSON(c, of))
	}
	return list
}

func cardJSON(c optim.Card, of network) map[string]any {
	settings := []any{}
	for _, s := range cardSettings(c.Name) {
		o := map[string]any{"key": s.Key, "type": s.Type, "help": s.Help}
		for key, value := range map[string]string{"default": s.Default, "range": s.Range} {
			if value != "" {
				o[key] = value
			}
		}
		settings = append(settings, o)
	}
	o := map[string]any{"name": c.Name, "help": c.Help, "formula": c.Formula, "source": c.Source, "text": c.Default.String(), "settings": settings,
		"bytes_per_parameter": c.PerWeight, "tunable": c.Tunable, "strengths": c.Strengths, "weaknesses": c.Weaknesses,
		"differs": c.Differs}
	if of.parameters > 0 {
		o["bytes"] = c.Bytes
	}
	if s := c.Survey; s.Name != "" {
		corrections := []any{}
		for _, x := range s.Corrections {
			corrections = append(corrections, map[string]any{"says": x.Says, "holds": x.Holds})
		}
		o["survey"] = map[string]any{"name": s.Name, "state": s.State, "tunable": s.Tunable, "strengths": s.Strengths, "weaknesses": s.Weaknesses,
			"corrections": corrections}
	}
	return o
}
