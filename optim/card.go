package optim

// What is known of each optimizer on the list, as data: for tables and for whoever chooses.

import "github.com/descent-go/descent/engine"

// Card is an optimizer on the list, with its defaults.
type Card struct {
	Info
	Help    string    // one line for lists
	Default Optimizer // what the bare name means
	// PerWeight is the bytes of state a weight in float32: 8 where papers write 8n. It is that of a large matrix.
	PerWeight float64
	Bytes     int64     // of state for the parameters that were asked about, in float32
	Survey    SurveyRow // what the survey says; Name is "" where it is silent
}

// Cards lists the optimizers in the order of the registry, users' own behind ours, with the memory of their state for params. Info.Name is
// the name on the list. A wrapper has memory of its own (an EMA one number a weight), and so have the gradient and accumulated gradients.
func Cards(params ...engine.Param) []Card {
	const side = 1024
	matrix := engine.Param{Path: "matrix", Shape: engine.Shape{side, side}}
	var out []Card
	for _, e := range optimizers.Entries() {
		o := e.Prototype.(Optimizer)
		c := Card{
			Info: o.Rule.Info(), Help: e.Help, Default: o,
			PerWeight: float64(o.StateBytes(engine.Float32, matrix)) / (side * side), Bytes: o.StateBytes(engine.Float32, params...),
			Survey: surveyRow(e.Name),
		}
		c.Name = e.Name
		out = append(out, c)
	}
	return out
}

// StateBytes is the memory that the rules of o, those of groups among them, need for the state of these parameters, frozen ones left out.
// It is Stepper.Bytes without the vectors of wrappers, known before there are weights.
func (o Optimizer) StateBytes(precision engine.Precision, params ...engine.Param) int64 {
	var n int64
	for _, p := range params {
		if p.Frozen {
			continue
		}
		for _, slot := range o.apply(o.resolve(p)).rule.Slots(p) {
			n += slot.bytes(precision)
		}
	}
	return n
}

func (s Slot) bytes(precision engine.Precision) int64 {
	n := int64(s.Shape.Size())
	switch {
	case s.Bytes:
		return n
	case precision == engine.Float64:
		return 8 * n
	}
	return 4 * n
}
