package main

// A case of descent optimizers replay, read strictly: an unknown key, a key that comes twice or a count that does not fit is the answer to the
// case, never a guess. The long lists are read here; settings are read by internal/spec, as everywhere.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/surface"
)

const (
	replayParameters = 1000
	replayName       = 256 // bytes of a parameter's name
	replayDimensions = 8
)

// replayCase is a case that can be run.
type replayCase struct {
	optimizer  optim.Optimizer
	parameters []replayParameter
	size       int // weights of all parameters
	steps      int
	gradients  [][]float64
	function   *surface.Function // in place of gradients
}

type replayParameter struct {
	engine.Param
	weights  []float64
	settings *spec.Value // of its own; nil: none
}

// rateList is a learning rate for each step.
type rateList []float64

// At is the rate of the step that is about to be done.
func (r rateList) At(p optim.Progress) float64 { return r[p.Step] }

var replayKeys = []string{"optimizer", "settings", "parameters", "gradients", "function", "steps", "lr", "schedule"}

func readReplay(line []byte) (*replayCase, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("the line is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(line, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("no JSON object in one line: at byte %d: %w", syntax.Offset, err)
		}
		return nil, err
	}
	keys, err := objectOf("", whole, replayKeys)
	if err != nil {
		return nil, err
	}
	c := &replayCase{}
	for _, read := range []func(map[string]json.RawMessage) error{c.readFunction, c.readParameters, c.readSteps, c.readOptimizer} {
		if err := read(keys); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// readFunction reads what the gradients come from, where they are not given.
func (c *replayCase) readFunction(keys map[string]json.RawMessage) error {
	raw, given := keys["function"]
	if _, gradients := keys["gradients"]; gradients == given {
		if given {
			return errors.New("gradients and function are both given; one is wanted")
		}
		return errors.New("gradients is missing, or function with steps")
	}
	if !given {
		return nil
	}
	name, err := textOf("function", raw)
	if err != nil {
		return err
	}
	f, err := surface.Lookup(name)
	if err != nil {
		return err
	}
	c.function = &f
	return nil
}

func (c *replayCase) readParameters(keys map[string]json.RawMessage) error {
	raw, given := keys["parameters"]
	if !given {
		if c.function == nil {
			return errors.New("parameters is missing: a list of objects with name and weights, and shape, role and settings if wanted")
		}
		xy := engine.Param{Path: "xy", Shape: engine.Shape{2}}
		c.parameters, c.size = []replayParameter{{Param: xy, weights: c.function.Start}}, 2
		return nil
	}
	list, err := listOf("parameters", raw)
	if err != nil {
		return err
	}
	if len(list) == 0 || len(list) > replayParameters {
		return fmt.Errorf("parameters: found %d, wanted 1 to %d", len(list), replayParameters)
	}
	at := map[string]int{}
	for i, raw := range list {
		p, err := parameterOf(fmt.Sprintf("parameters[%d]", i), raw)
		if err != nil {
			return err
		}
		if before, twice := at[p.Path]; twice {
			return fmt.Errorf("parameters[%d]: the name %q is that of parameters[%d] already", i, p.Path, before)
		}
		at[p.Path] = i
		c.parameters = append(c.parameters, p)
		if c.size += len(p.weights); c.size > replayNumbers {
			return fmt.Errorf("parameters have more than %d weights together, which is the most", replayNumbers)
		}
	}
	// Settings of one's own are a group, and a group takes all that lies below a path.
	for _, p := range c.parameters {
		for above := p.Path; above != ""; {
			above = above[:max(0, strings.LastIndexByte(above, '/'))]
			if i, there := at[above]; there && c.parameters[i].settings != nil {
				return fmt.Errorf("parameters[%d]: %q has settings of its own and a name under which %q stands; name one of both otherwise", i, above, p.Path)
			}
		}
	}
	if c.function != nil && c.size != len(c.function.Start) {
		return fmt.Errorf("parameters have %d weights, and %s takes %d", c.size, c.function.Name, len(c.function.Start))
	}
	return nil
}

func parameterOf(at string, raw json.RawMessage) (p replayParameter, err error) {
	keys, err := objectOf(at, raw, []string{"name", "shape", "role", "weights", "settings"})
	if err != nil {
		return p, err
	}
	for _, key := range []string{"name", "weights"} {
		if _, there := keys[key]; !there {
			return p, fmt.Errorf("%s: %s is missing", at, key)
		}
	}
	if p.Path, err = textOf(at+".name", keys["name"]); err != nil {
		return p, err
	}
	if len(p.Path) > replayName || slices.Contains(strings.Split(p.Path, "/"), "") || strings.ContainsRune(p.Path, 0) {
		return p, fmt.Errorf("%s.name: found %.80q, wanted names between slashes, in at most %d bytes", at, p.Path, replayName)
	}
	at += " (" + strconv.Quote(p.Path) + ")"
	if p.weights, err = numberList(at+": weights", keys["weights"]); err != nil {
		return p, err
	}
	p.Shape = engine.Shape{len(p.weights)}
	if raw, given := keys["shape"]; given {
		if p.Shape, err = shapeOf(at+": shape", raw); err != nil {
			return p, err
		}
		if p.Shape.Size() != len(p.weights) {
			return p, fmt.Errorf("%s: weights has %d numbers, wanted %d for the shape %v", at, len(p.weights), p.Shape.Size(), []int(p.Shape))
		}
	}
	if len(p.weights) == 0 {
		return p, fmt.Errorf("%s: weights is empty; at least one number is wanted", at)
	}
	if raw, given := keys["role"]; given {
		name, err := textOf(at+": role", raw)
		if err != nil {
			return p, err
		}
		if p.Role, err = engine.ParseRole(name); err != nil {
			return p, fmt.Errorf("%s: role: %w", at, err)
		}
	}
	if raw, given := keys["settings"]; given {
		v, err := settingsOf(at+": settings", raw)
		if err != nil {
			return p, err
		}
		p.settings = &v
	}
	return p, nil
}

func shapeOf(at string, raw json.RawMessage) (engine.Shape, error) {
	list, err := numberList(at, raw)
	if err != nil {
		return nil, err
	}
	if len(list) > replayDimensions {
		return nil, fmt.Errorf("%s: found %d dimensions, wanted at most %d", at, len(list), replayDimensions)
	}
	shape := engine.Shape{}
	for _, x := range list {
		if !(x >= 1 && x <= math.MaxInt32) || x != math.Trunc(x) {
			return nil, fmt.Errorf("%s: found %v, wanted whole numbers of at least 1", at, x)
		}
		shape = append(shape, int(x))
	}
	return shape, nil
}

// readSteps reads how many steps there are, and their gradients.
func (c *replayCase) readSteps(keys map[string]json.RawMessage) error {
	raw, given := keys["steps"]
	if c.function == nil {
		if given {
			return errors.New("steps goes with function; gradients is a list with one a step")
		}
		list, err := listOf("gradients", keys["gradients"])
		if err != nil {
			return err
		}
		c.steps = len(list)
		if err := c.bounded(); err != nil {
			return err
		}
		for i, raw := range list {
			at := fmt.Sprintf("gradients[%d]", i)
			g, err := numberList(at, raw)
			if err != nil {
				return err
			}
			if len(g) != c.size {
				return fmt.Errorf("%s: found %d numbers, wanted %d: %s", at, len(g), c.size, c.counts())
			}
			c.gradients = append(c.gradients, g)
		}
		return nil
	}
	if !given {
		return errors.New("steps is missing: how many to do on the function")
	}
	text := strings.TrimSpace(string(raw))
	n, ok, _ := numberOf(text)
	if !ok || strings.HasPrefix(text, `"`) || n < 0 || n > surface.MaxSteps || n != math.Trunc(n) {
		return fmt.Errorf("steps: found %.40s, wanted a whole number in [0, %d]", text, surface.MaxSteps)
	}
	c.steps = int(n)
	return c.bounded()
}

func (c *replayCase) bounded() error {
	if c.steps > replayNumbers/c.size {
		return fmt.Errorf("%d steps of %d weights are more than %d numbers, which is the most that a case may answer; make several cases of it", c.steps, c.size, replayNumbers)
	}
	return nil
}

// counts says how many numbers each parameter takes.
func (c *replayCase) counts() string {
	const most = 8
	var parts []string
	for i, p := range c.parameters {
		if i == most {
			return strings.Join(parts, ", ") + ", ..."
		}
		parts = append(parts, fmt.Sprintf("%q %d", p.Path, len(p.weights)))
	}
	return strings.Join(parts, ", ")
}

// objectOf reads an object, whose keys must be among those known and come once. The JSON is known to be well-formed.
func objectOf(at string, raw json.RawMessage, known []string) (map[string]json.RawMessage, error) {
	if at != "" {
		at += ": "
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%sfound %s, wanted an object", at, kindOf(raw))
	}
	keys := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		if !slices.Contains(known, key) {
			text := fmt.Sprintf("%sunknown key %.80q", at, key)
			if near := spec.Nearest(key, known); near != "" {
				return nil, fmt.Errorf("%s; did you mean %q?", text, near)
			}
			return nil, fmt.Errorf("%s; known: %s", text, strings.Join(known, ", "))
		}
		if _, twice := keys[key]; twice {
			return nil, fmt.Errorf("%sthe key %q comes twice", at, key)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		keys[key] = value
	}
	return keys, nil
}

func listOf(at string, raw json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return nil, fmt.Errorf("%s: found %s, wanted a list", at, kindOf(raw))
	}
	err := json.Unmarshal(raw, &list)
	return list, err
}

func textOf(at string, raw json.RawMessage) (string, error) {
	var text string
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) {
		return "", fmt.Errorf("%s: found %s, wanted a text", at, kindOf(raw))
	}
	err := json.Unmarshal(raw, &text)
	return text, err
}

// kindOf names what stands in the place of something else.
func kindOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 'n':
		return "null"
	case 't', 'f':
		return "a truth value"
	}
	return "a number"
}

// numberList reads a flat list of numbers. It walks over the text itself: the lists are long, and the JSON is known to be well-formed.
func numberList(at string, raw json.RawMessage) ([]float64, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, fmt.Errorf("%s: found %s, wanted a list of numbers", at, kindOf(raw))
	}
	list := []float64{}
	for rest := raw[1 : len(raw)-1]; len(bytes.TrimSpace(rest)) > 0; {
		end := bytes.IndexByte(rest, ',')
		if end < 0 {
			end = len(rest)
		}
		text := strings.TrimSpace(string(rest[:end]))
		x, ok, large := numberOf(text)
		switch {
		case large:
			return nil, fmt.Errorf(`%s[%d]: %.40s is too large for float64; infinity is "Infinity"`, at, len(list), text)
		case !ok && !strings.ContainsRune("[{\"ntf", rune(text[0])):
			return nil, fmt.Errorf("%s[%d]: found %.40s, wanted a number", at, len(list), text)
		case !ok:
			return nil, fmt.Errorf(`%s[%d]: found %s, wanted a number or "NaN", "Infinity" or "-Infinity"`, at, len(list), kindOf(json.RawMessage(text)))
		}
		if list = append(list, x); len(list) > replayNumbers {
			return nil, fmt.Errorf("%s: found more than %d numbers, which is the most", at, replayNumbers)
		}
		rest = rest[min(end+1, len(rest)):]
	}
	return list, nil
}

// numberOf reads a JSON number, or the text of one that is not finite.
func numberOf(text string) (x float64, ok, large bool) {
	switch text {
	case `"NaN"`:
		return math.NaN(), true, false
	case `"Infinity"`:
		return math.Inf(1), true, false
	case `"-Infinity"`:
		return math.Inf(-1), true, false
	}
	if text == "" || !strings.ContainsRune("-0123456789", rune(text[0])) {
		return 0, false, false
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil, errors.Is(err, strconv.ErrRange)
}
