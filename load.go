package descent

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/safetensors"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/prep"
)

// What a saved model holds beside its weights, in the metadata of a safetensors file.
const (
	keyFormat   = "format"                // pt: weights are stored as PyTorch stores them, outputs x inputs
	keyForm     = "descent.form"          // 1
	keyModel    = "descent.config"        // the network's description, JSON
	keyLoss     = "descent.loss"          // what it was trained to make small, JSON
	keyPipeline = "descent.preprocessing" // scaling and columns, JSON
	keyClasses  = "descent.classes"       // names of the outputs, a JSON list; for other readers, ours are in the preprocessing
	keyVersion  = "descent.version"
	currentForm = "1"
)

// Metadata is what to store beside the weights so that Load can rebuild the network.
func Metadata(model, loss nn.Layer, p *prep.Pipeline, version string) (map[string]string, error) {
	m := map[string]string{keyFormat: "pt", keyForm: currentForm}
	for key, layer := range map[string]nn.Layer{keyModel: model, keyLoss: loss} {
		text, err := nn.Describe(layer)
		if err != nil {
			return nil, err
		}
		m[key] = string(text)
	}
	if version != "" {
		m[keyVersion] = version
	}
	if p != nil {
		text, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		m[keyPipeline] = string(text)
		if classes := p.Classes(); classes != nil {
			if text, err = json.Marshal(classes); err != nil {
				return nil, err
			}
			m[keyClasses] = string(text)
		}
	}
	return m, nil
}

// Load reads a model from the bytes of a model.safetensors, embedded or read from a file. Everything in it is checked: a file that is
// truncated, changed in its structure, or not descent's gives an error that says so.
func Load(model []byte) (*Model, error) {
	file, err := safetensors.Parse(model)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	meta := file.Metadata
	if form := meta[keyForm]; form != currentForm {
		if meta[keyModel] == "" {
			return nil, fmt.Errorf("model: this safetensors file has no description of a network (%s); a model.safetensors from a run folder is wanted", keyModel)
		}
		return nil, fmt.Errorf("model: form %q; this program reads form %s", form, currentForm)
	}
	m := &Model{pipeline: new(prep.Pipeline)}
	if m.layer, err = nn.Described("model: "+keyModel, []byte(meta[keyModel])); err != nil {
		return nil, err
	}
	if m.loss, err = nn.DescribedLoss("model: "+keyLoss, []byte(meta[keyLoss])); err != nil {
		return nil, err
	}
	if meta[keyPipeline] == "" {
		return nil, errNoPipeline
	}
	if err := m.pipeline.UnmarshalJSON([]byte(meta[keyPipeline])); err != nil {
		return nil, fmt.Errorf("model: %s: %w", keyPipeline, err)
	}
	tensors, precision, err := tensorsOf(file.Tensors)
	if err != nil {
		return nil, err
	}
	return m, m.compile(tensors, precision)
}

// tensorsOf are the weights of a safetensors file, all float32 or all float64.
func tensorsOf(list []safetensors.Tensor) ([]engine.Tensor, engine.Precision, error) {
	var out []engine.Tensor
	precision := engine.Float32
	for i, t := range list {
		e := engine.Tensor{Name: t.Name, Shape: slices.Clone(engine.Shape(t.Shape))}
		var err error
		switch t.DType {
		case "F32":
			e.F32, err = t.F32()
		case "F64":
			e.F64, err = t.F64()
			if i == 0 {
				precision = engine.Float64
			}
		default:
			err = fmt.Errorf("type %s; F32 and F64 are possible", t.DType)
		}
		if err == nil && (e.F64 != nil) != (precision == engine.Float64) {
			err = fmt.Errorf("type %s beside %v", t.DType, precision)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("model: tensor %q: %w", t.Name, err)
		}
		out = append(out, e)
	}
	return out, precision, nil
}

// build is the network from its description, and its output.
func (m *Model) build() (*engine.Graph, engine.Value) {
	g := engine.NewGraph()
	var x []engine.Value
	for _, f := range m.pipeline.Fields() {
		v := g.Input(f)
		if f.Use == engine.Feature {
			x = append(x, v)
		}
	}
	return g, g.Output("output", nn.Network(g, m.layer, x...))
}

// compile builds the network and gives it the weights.
func (m *Model) compile(tensors []engine.Tensor, precision engine.Precision) error {
	g, out := m.build()
	m.answer, m.classes = "output", m.pipeline.Classes()
	switch m.loss.(type) {
	case nn.CrossEntropy:
		if m.classes != nil {
			m.answer = "probabilities"
			g.Output(m.answer, nn.Softmax{}.Build(g.In("probabilities"), out))
		}
	case nn.BinaryCrossEntropy:
		m.answer = "probabilities"
		g.Output(m.answer, nn.Sigmoid{}.Build(g.In("probabilities"), out))
	}
	if err := g.Err(); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	m.width, m.outputs = m.pipeline.Width(), g.Type(out).Shape.Size()
	m.binary = m.outputs == 1 && len(m.classes) == 2
	if m.binary {
		m.outputs = 2
	}
	if m.classes != nil && len(m.classes) != m.outputs {
		return fmt.Errorf("model: %d outputs and %d classes", m.outputs, len(m.classes))
	}
	if err := fits(g, tensors); err != nil {
		return err
	}
	plan, err := engine.Compile(g, engine.Options{Precision: precision, Rows: 1, Forward: true, Blank: true})
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	m.weights = plan.Weights()
	if err := m.weights.Restore(tensors); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	m.workers.New = func() any { return m.newWorker(plan.Fork(nil)) }
	return nil
}

// fits compares the network's parameters with those in the file before memory is taken for them: a description that asks for more than
// the file holds is refused.
func fits(g *engine.Graph, tensors []engine.Tensor) error {
	have := map[string]engine.Shape{}
	for _, t := range tensors {
		have[t.Name] = t.Shape
	}
	for _, n := range g.Nodes() {
		if !n.IsParam() && !n.IsState() {
			continue
		}
		s, ok := have[n.Path]
		if !ok {
			return fmt.Errorf("model: the description has a parameter %q (%v) that the file lacks", n.Path, n.Type.Shape)
		}
		if !s.Equal(n.Type.Shape) {
			return fmt.Errorf("model: parameter %q is %v in the file and %v in the description", n.Path, s, n.Type.Shape)
		}
	}
	return nil
}
