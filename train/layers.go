package train

import (
	"fmt"
	"strings"

	"github.com/descent-go/descent/engine"
)

// Layer is one row of a network's table: an operation, or the reshaping of a value.
type Layer struct {
	Name         string // path of the layer
	Operation    string
	Shape        engine.Shape // of a row of its result
	Parameters   int64        // learned values that it is the first to use
	MultiplyAdds float64      // forward, of a row
	Bytes        int64        // of a row of its result
}

// Layers lists the operations of a network in order, the loss left out. Width is the bytes of a number: 4 or 8.
func Layers(g *engine.Graph, width int) []Layer {
	nodes := map[engine.Value]engine.Node{}
	counted := map[engine.Value]bool{}
	var list []Layer
	for v, n := range g.Nodes() {
		nodes[v] = n
		if n.Op == nil || n.Path == "loss" || strings.HasPrefix(n.Path, "loss/") {
			continue
		}
		l := Layer{Name: n.Path, Operation: operation(n.Op), Shape: n.Type.Shape, Bytes: int64(width) * int64(n.Type.Shape.Size())}
		var types []engine.Type
		for _, in := range n.In {
			types = append(types, nodes[in].Type)
			if nodes[in].IsParam() && !counted[in] {
				counted[in] = true
				l.Parameters += int64(nodes[in].Type.Shape.Size())
			}
		}
		if c, ok := n.Op.(engine.Counter); ok {
			l.MultiplyAdds = c.MultiplyAdds(types)
		}
		list = append(list, l)
	}
	return list
}

// operation is an operation's word: its type's name without Op, in lower case.
func operation(op engine.Op) string {
	name := fmt.Sprintf("%T", op)
	return strings.ToLower(strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "Op"))
}

// Plan is what a configuration would do, found out without training.
type Plan struct {
	Config        Config // with its defaults filled in
	Task          string // classification or regression
	Rows          [3]int // train, validation, test
	Features      []engine.Field
	Classes       []string
	Layers        []Layer
	Parameters    int64
	Threads       int
	Kernels       string
	Memory        Memory
	Steps         int // planned, 0: open
	StepsPerEpoch int
	Fingerprint   string
}

// Check opens the data, builds the network and says what a training would be, without taking memory for it. What is wrong is the error that
// Run would give.
func Check(c Config) (*Plan, error) {
	s, g, err := prepare(c)
	if err != nil {
		return nil, err
	}
	kernels := s.config.Kernels
	if kernels == "" {
		if kernels, err = engine.Kernels(); err != nil {
			return nil, err
		}
	}
	train, validation, test := s.Rows()
	p := &Plan{
		Config: s.config, Task: s.source.task(), Rows: [3]int{train, validation, test}, Features: s.source.inputs, Classes: s.source.classes(),
		Threads: s.threads, Kernels: kernels, Memory: s.memory, Steps: s.Planned(), StepsPerEpoch: s.loader.Steps(), Fingerprint: s.source.print(),
	}
	width := 4
	if s.config.Precision == Float64 {
		width = 8
	}
	p.Layers = Layers(g, width)
	for _, l := range p.Layers {
		p.Parameters += l.Parameters
	}
	return p, nil
}
