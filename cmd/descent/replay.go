package main

// descent optimizers replay: rules outside any network, for whoever ports or checks an optimizer. A case a line goes in, and the weights after
// each step come out. What runs is the stepper that trains, on weights in float64 and with portable kernels, so that a case gives the same
// digits on every machine.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
)

const (
	// replayLine is the longest line, in bytes.
	replayLine = 64 << 20
	// replayNumbers bounds the weights that a case has after all its steps together: what is answered is held until the case is over, since
	// it may fail at its last step.
	replayNumbers = 1 << 22
)

// replays is the verb that runs cases.
func (p *program) replays() *cobra.Command {
	c := &cobra.Command{
		Use:   "replay FILE [flags]",
		Short: "run optimizers on given gradients",
		Long: "Runs optimizers outside any network, in float64, for whoever ports or checks one. FILE, or - for standard input, has one JSON object a " +
			"line, and for each a line comes out: {\"weights\": [...]}, the weights after each step as one flat list a step, in the fewest digits that " +
			"give the same float64 back; or {\"error\": \"...\"} for a case that cannot be run, and the others go on. The status is 0 if FILE could be read.\n" +
			"\n" +
			"A case has these keys:\n" +
			"\n" +
			"optimizer: a name, alone or with settings (descent optimizers lists them); settings: an object of its settings.\n" +
			"parameters: a list of objects with name, shape (one dimension if not given), role (weight, bias, norm, embedding or output; weight if not " +
			"given), weights (the initial ones, flat) and settings of its own, which may also have lr_factor. A decay of its own reaches it whatever its role.\n" +
			"gradients: a list a step, flat over all parameters in their order; or function, one that descent surface has, with steps. A function takes the " +
			"two weights that there are; without parameters it begins at its usual start.\n" +
			"lr: a list with a rate for each step; or schedule, a name, or an object of name and settings. One without a rate of its own begins at that " +
			"of the optimizer. A step counts as an epoch.\n" +
			"\n" +
			"Numbers that are not finite are the texts \"NaN\", \"Infinity\" and \"-Infinity\". Lines have at most 64 MiB.",
		Example: `
  descent optimizers replay cases.jsonl > answers.jsonl
  echo '{"optimizer": "adam", "function": "rosenbrock", "steps": 3}' |
    descent optimizers replay -
  echo '{"optimizer": "sgd", "settings": {"lr": 0.1}, "parameters":
    [{"name": "w", "weights": [1]}], "gradients": [[2], [2]]}' |
    tr -d '\n' | descent optimizers replay -`,
		Args: arguments(1, "FILE"),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		in := io.ReadCloser(p.stdin)
		if args[0] != "-" {
			var err error
			if in, err = openRegular(args[0]); err != nil {
				if errors.Is(err, os.ErrNotExist) {
					return missing("file", args[0], err)
				}
				return err
			}
			defer in.Close()
		}
		if err := replayAll(c.Context(), in, p.stdout); err != nil {
			return fmt.Errorf("%s: %w", nameOfFile(args[0]), err)
		}
		return nil
	}
	return c
}

// replayAll answers every line. A line is answered as soon as it is read, so that a program can ask one case after the other.
func replayAll(ctx context.Context, in io.Reader, to io.Writer) error {
	r := bufio.NewReaderSize(in, 1<<16)
	for {
		line, long, err := lineOf(r, replayLine)
		if err != nil && err != io.EOF {
			return err
		}
		last := err == io.EOF
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var answer []byte
			if long {
				err = fmt.Errorf("the line has more than %d bytes, which is the most", replayLine)
			} else {
				answer, err = replayed(ctx, line)
			}
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			if err != nil {
				answer = errorAnswer(err)
			}
			if _, err := to.Write(append(answer, '\n')); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// lineOf reads a line. Of one that is too long the rest is read and left away.
func lineOf(r *bufio.Reader, most int) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most+1 {
			long = true
		} else {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, long, err
		}
	}
}

func errorAnswer(err error) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // ">= 0" is to be read
	if err := e.Encode(map[string]string{"error": strings.ReplaceAll(err.Error(), "\n", "; ")}); err != nil {
		panic(err) // a map of texts
	}
	return bytes.TrimSpace(b.Bytes())
}

// replayed is the answer to a case.
func replayed(ctx context.Context, line []byte) ([]byte, error) {
	c, err := readReplay(line)
	if err != nil {
		return nil, err
	}
	w, err := weightsFor(c.parameters)
	if err != nil {
		return nil, err
	}
	s, err := c.optimizer.Bind(w, nil)
	if err != nil {
		return nil, err
	}
	v, ok := engine.Vectors[float64](w)
	if !ok {
		panic("replay: weights are not in float64")
	}
	places := w.Params() // in our order: the graph uses them in it
	flat := make([]float64, 0, c.size)
	for i, p := range places {
		copy(v.Weight[p.Offset:p.Offset+p.Size()], c.parameters[i].weights)
		flat = append(flat, c.parameters[i].weights...)
	}
	w.Changed()
	gradient := make([]float64, c.size)
	// set lays the gradient of a step at the present weights into place. It is also what a wrapper asks for a second one.
	set := func(step int) (engine.Sum, error) {
		sum := engine.Sum{Weight: 1}
		if c.function != nil {
			c.function.Gradient(flat, gradient)
			sum.Loss = c.function.Value(flat)
		} else {
			copy(gradient, c.gradients[step])
		}
		at := 0
		for _, p := range places {
			at += copy(v.Grad[p.Offset:p.Offset+p.Size()], gradient[at:])
		}
		return sum, nil
	}
	get := func() {
		flat = flat[:0]
		for _, p := range places {
			flat = append(flat, v.Weight[p.Offset:p.Offset+p.Size()]...)
		}
	}
	answer := []byte(`{"weights":[`)
	for step := range c.steps {
		if step%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		sum, _ := set(step)
		m := optim.Moment{Progress: optim.Progress{Step: step, Steps: c.steps, Epoch: float64(step)}, Sum: sum}
		m.Again = func() (engine.Sum, error) {
			get()
			return set(step)
		}
		if err := s.Step(&m); err != nil {
			return nil, fmt.Errorf("step %d: %w", step+1, err)
		}
		get()
		if step > 0 {
			answer = append(answer, ',')
		}
		answer = appendNumbers(answer, flat)
	}
	return append(answer, "]}"...), nil
}

// appendNumbers writes a list of numbers, each in the fewest digits that give it back.
func appendNumbers(b []byte, list []float64) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case math.IsNaN(x):
			b = append(b, `"NaN"`...)
		case math.IsInf(x, 1):
			b = append(b, `"Infinity"`...)
		case math.IsInf(x, -1):
			b = append(b, `"-Infinity"`...)
		default:
			b = strconv.AppendFloat(b, x, 'g', -1, 64)
		}
	}
	return append(b, ']')
}

// weightsFor makes weights: a graph that has the parameters and computes nothing from them.
func weightsFor(list []replayParameter) (*engine.Weights, error) {
	g := engine.NewGraph()
	in := []engine.Value{g.Input(engine.Field{Name: "row", Type: engine.Type{Shape: engine.Shape{1}}})}
	for _, p := range list {
		scope, names := g, strings.Split(p.Path, "/")
		for _, name := range names[:len(names)-1] {
			scope = scope.In(name)
		}
		in = append(in, scope.Param(names[len(names)-1], p.Shape, p.Role, unset{}))
	}
	g.Objective(g.Apply(unused{}, in...), engine.Value{})
	plan, err := engine.Compile(g, engine.Options{Precision: engine.Float64, Kernels: "portable", Rows: 1})
	if err != nil {
		return nil, err
	}
	return plan.Weights(), nil
}

// unset is what the weights are before they are set.
type unset struct{}

func (unset) Fill(w []float64, _ engine.Shape, _ engine.Rand) { clear(w) }

// unused is an operation that is never run.
type unused struct{}

func (unused) Type([]engine.Type) (engine.Type, error) {
	return engine.Type{Shape: engine.Shape{1}}, nil
}

func (unused) Code([]engine.Type, engine.Conditions) engine.Code {
	return engine.Code{F64: unusedBody{}}
}

type unusedBody struct{}

func (unusedBody) Forward(s *engine.Step[float64]) { clear(s.Out) }
func (unusedBody) Backward(*engine.Step[float64])  {}
