package train

// How much the rows of a class count in the loss, for data with rare classes (King and Zeng, "Logistic regression in rare events data", 2001).

import (
	"fmt"
	"math"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
)

// ClassWeight is the weight of each class. The zero value weighs all rows alike. Balanced gives class k the weight n / (K n_k), for n training
// rows of K classes, n_k of them of class k, so that every class counts as much as any other and the mean weight is 1. Weights are given by
// hand, one a class, in the order of the classes.
type ClassWeight struct {
	Balanced bool
	Weights  []float64
}

// UnmarshalSpec reads "balanced" or a list of numbers.
func (w *ClassWeight) UnmarshalSpec(v spec.Value) error {
	switch {
	case v.Kind == spec.Null || v.Kind == spec.String && v.Text == "":
		*w = ClassWeight{}
		return nil
	case v.Kind == spec.String && v.Text == "balanced":
		*w = ClassWeight{Balanced: true}
		return nil
	case v.Kind == spec.List:
		list, err := spec.Decode[[]float64](nil, v)
		if err == nil {
			*w = ClassWeight{Weights: list}
		}
		return err
	}
	return fmt.Errorf("found %s, wanted %s", v, w.WantSpec())
}

// MarshalSpec is the way back.
func (w ClassWeight) MarshalSpec() spec.Value {
	switch {
	case w.Balanced:
		return spec.StringValue("balanced")
	case w.Weights != nil:
		v := spec.Value{Kind: spec.List}
		for _, x := range w.Weights {
			v.Items = append(v.Items, spec.NumberValue(x))
		}
		return v
	}
	return spec.Value{}
}

// WantSpec says what UnmarshalSpec takes.
func (ClassWeight) WantSpec() string { return "balanced or a list of numbers, one a class" }

// build puts the weight of a row into the graph, the zero value where all count alike.
func (w ClassWeight) build(g *engine.Graph, s *source, target engine.Value) (engine.Value, error) {
	if !w.Balanced && w.Weights == nil {
		return engine.Value{}, nil
	}
	if !s.classification() {
		return engine.Value{}, fmt.Errorf("class_weight: the target %q is a number; weights are for classes", s.target.Name)
	}
	weights, classes := w.Weights, s.target.Type.Below
	if w.Balanced {
		counts, err := s.counts(s.parts.Train)
		if err != nil {
			return engine.Value{}, err
		}
		weights = make([]float64, classes)
		for k := range weights {
			if counts[k] > 0 {
				weights[k] = float64(len(s.parts.Train)) / (float64(classes) * float64(counts[k]))
			}
		}
	}
	if len(weights) != classes {
		return engine.Value{}, fmt.Errorf("class_weight: %d weights for %d classes; one a class is wanted, in this order: %.20q", len(weights), classes, s.classes())
	}
	sum := 0.0
	for k, x := range weights {
		if !(x >= 0) || math.IsInf(x, 0) {
			return engine.Value{}, fmt.Errorf("class_weight: class %d has weight %v; a finite number of at least 0 is wanted", k, x)
		}
		sum += x
	}
	if sum == 0 {
		return engine.Value{}, fmt.Errorf("class_weight: all weights are 0; at least one must count")
	}
	return nn.ClassWeight{Weights: weights}.Build(g.In("class_weight"), target), nil
}
