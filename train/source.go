package train

// What a training learns from: rows, what each is for, how they are scaled, and the network that takes them.

import (
	"errors"
	"fmt"
	"slices"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/prep"
)

// source is the data of a training: rows, what they are for, and how they are scaled.
type source struct {
	dataset  data.Dataset // scaled
	parts    data.Parts
	pipeline *prep.Pipeline // nil for a data set that is no table
	about    data.About
	print    func() string // fingerprint; it takes a while
	inputs   []engine.Field
	target   engine.Field
}

func (s *source) classification() bool { return s.target.Type.Kind == engine.Index }

// task is classification or regression.
func (s *source) task() string {
	if s.classification() {
		return "classification"
	}
	return "regression"
}

// classes are the names of the outputs.
func (s *source) classes() []string {
	if s.pipeline != nil {
		return s.pipeline.Classes()
	}
	return nil
}

// open reads the data, shares out its rows and fits the scaling on the training part.
func (c *Config) open() (source, error) {
	var s source
	set := c.Dataset
	if set == nil {
		var err error
		if set, err = data.Open(c.Data, c.dataOptions()); err != nil {
			return s, err
		}
	}
	if d, ok := set.(data.Describer); ok {
		s.about = d.About()
	}
	s.print = func() string { return "" }
	if f, ok := set.(data.Fingerprinter); ok {
		s.print = f.Fingerprint
	}
	var err error
	if s.parts, err = c.Split.Rows(set, c.Seed); err != nil {
		return s, err
	}
	s.dataset = set
	if table, ok := set.(data.Table); ok {
		if s.pipeline, err = data.Fit(table, s.parts.Train, c.prepOptions()); err != nil {
			return s, err
		}
		if s.dataset, err = data.Prepared(table, s.pipeline); err != nil {
			return s, err
		}
	}
	targets := 0
	for _, f := range s.dataset.Fields() {
		switch f.Use {
		case engine.Feature:
			s.inputs = append(s.inputs, f)
		case engine.Target:
			s.target = f
			targets++
		}
	}
	if len(s.inputs) == 0 || targets != 1 {
		return s, fmt.Errorf("the data has %d features and %d targets; at least one feature and one target are wanted", len(s.inputs), targets)
	}
	return s, nil
}

// graph is the network with its loss. A row weight among the fields counts in the objective.
func graph(s *source, c *Config) (*engine.Graph, error) {
	g := engine.NewGraph()
	var x []engine.Value
	for _, f := range s.inputs {
		x = append(x, g.Input(f))
	}
	target := g.Input(s.target)
	var weight engine.Value
	for _, f := range s.dataset.Fields() {
		if f.Use == engine.RowWeight {
			weight = g.Input(f)
		}
	}
	byClass, err := c.ClassWeight.build(g, s, target)
	if err != nil {
		return nil, err
	}
	switch {
	case !weight.Valid():
		weight = byClass
	case byClass.Valid():
		weight = nn.Multiply{}.Build(g.In("row_weight"), weight, byClass)
	}
	out := g.Output("output", nn.Network(g, c.Model, x...))
	g.Objective(g.Output("loss", lossOf(c, s).Build(g.In("loss"), out, target)), weight)
	if err := g.Err(); err != nil {
		return nil, err
	}
	if t := g.Type(out); t.Fixed {
		return nil, errors.New("the model's output does not depend on its input")
	}
	return g, nil
}

// scored says which part the scores of a finished training come from: test, else validation, else train.
func (s *source) scored() (string, []int) {
	switch {
	case len(s.parts.Test) > 0:
		return "test", s.parts.Test
	case len(s.parts.Validation) > 0:
		return "validation", s.parts.Validation
	}
	return "train", s.parts.Train
}

// counts are the numbers of rows of each class among rows.
func (s *source) counts(rows []int) ([]int, error) {
	counts := make([]int, s.target.Type.Below)
	one := []engine.Tensor{{Name: s.target.Name, Shape: engine.Shape{1, 1}, F64: []float64{0}}}
	for _, r := range rows {
		if err := s.dataset.Read([]int{r}, one); err != nil {
			return nil, err
		}
		counts[int(one[0].F64[0])]++
	}
	return counts, nil
}

// majority is the share of the largest class among rows.
func (s *source) majority(rows []int) (float64, error) {
	counts, err := s.counts(rows)
	if err != nil {
		return 0, err
	}
	return float64(slices.Max(counts)) / float64(max(1, len(rows))), nil
}

// loss is the loss in use.
func (s *Session) loss() nn.Layer { return lossOf(&s.config, &s.source) }

func lossOf(c *Config, s *source) nn.Layer {
	switch {
	case c.Loss != nil:
		return c.Loss
	case s.classification():
		return nn.CrossEntropy{}
	}
	return nn.MeanSquares{}
}
