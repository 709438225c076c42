package prep

// This file is the pipeline's stored form, which lies in the metadata of a model file. The reader is strict, since model files come from
// strangers: one version, every key known, once and in its exact case, nothing after the end, no nesting beyond the form's own, nothing
// allocated that the text does not contain. encoding/json alone would take keys in any case and the last of two equal ones.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/descent-go/descent/engine"
)

// form is the version of the stored form. Readers refuse others.
const form = 1

type columnForm struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Shape      []int    `json:"shape,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

type scalingForm struct {
	Kind     string    `json:"kind"`
	Subtract []float64 `json:"subtract"`
	Divide   []float64 `json:"divide"`
}

type targetForm struct {
	columnForm
	Mean *float64 `json:"mean,omitempty"`
	SD   *float64 `json:"sd,omitempty"`
}

// MarshalJSON writes the stored form. The same pipeline gives the same bytes.
func (p *Pipeline) MarshalJSON() ([]byte, error) {
	if p.width == 0 {
		return nil, errors.New("an empty pipeline has no stored form; make it with prep.Fit")
	}
	f := struct {
		Form    int          `json:"form"`
		Inputs  []columnForm `json:"inputs"`
		Scaling scalingForm  `json:"scaling"`
		Target  targetForm   `json:"target"`
	}{
		Form:    form,
		Scaling: scalingForm{p.scaling, p.subtract, p.divide},
		Target:  targetForm{columnForm: formOf(p.target)},
	}
	for _, c := range p.inputs {
		f.Inputs = append(f.Inputs, formOf(c))
	}
	if p.target.Kind == Target {
		f.Target.Mean, f.Target.SD = &p.mean, &p.sd
	}
	return json.Marshal(f)
}

func formOf(c Column) columnForm { return columnForm{c.Name, c.Kind, c.Shape, c.Categories} }

// UnmarshalJSON reads the stored form into p, which stays as it is on an error.
func (p *Pipeline) UnmarshalJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("preprocessing: the text is not UTF-8")
	}
	r := reader{json.NewDecoder(bytes.NewReader(text))}
	r.UseNumber()
	read, err := r.pipeline()
	if err != nil {
		return fmt.Errorf("preprocessing: %w", err)
	}
	if _, err := r.Token(); err != io.EOF {
		return errors.New("preprocessing: something follows the closing brace")
	}
	built, err := build(read)
	if err != nil {
		return fmt.Errorf("preprocessing: %w", err)
	}
	*p = *built
	return nil
}

// reader reads tokens. Its methods mirror the form, so that the depth of calls is the form's, whatever the text.
type reader struct{ *json.Decoder }

func (r reader) pipeline() (Pipeline, error) {
	p := Pipeline{sd: 1}
	version := 0
	err := r.object([]string{"form", "inputs", "scaling", "target"}, nil, func(key string) (err error) {
		switch key {
		case "form":
			if version, err = r.integer(); err == nil && version != form {
				err = fmt.Errorf("is %d; this version of descent reads form %d", version, form)
			}
		case "inputs":
			err = r.list(func() error {
				c, _, _, err := r.column(false)
				p.inputs = append(p.inputs, c)
				return err
			})
		case "scaling":
			err = r.object([]string{"kind", "subtract", "divide"}, nil, func(key string) (err error) {
				switch key {
				case "kind":
					p.scaling, err = r.text()
				case "subtract":
					p.subtract, err = r.numbers()
				case "divide":
					p.divide, err = r.numbers()
				}
				return err
			})
		case "target":
			var mean, sd *float64
			p.target, mean, sd, err = r.column(true)
			if err == nil && ((mean != nil) != (p.target.Kind == Target) || (sd != nil) != (p.target.Kind == Target)) {
				err = fmt.Errorf("a target of kind %q, and no other, has mean and sd", Target)
			}
			if mean != nil && sd != nil {
				p.mean, p.sd = *mean, *sd
			}
		}
		return err
	})
	return p, err
}

func (r reader) column(target bool) (c Column, mean, sd *float64, err error) {
	optional := []string{"shape", "categories"}
	if target {
		optional = append(optional, "mean", "sd")
	}
	err = r.object([]string{"name", "kind"}, optional, func(key string) (err error) {
		switch key {
		case "name":
			c.Name, err = r.text()
		case "kind":
			c.Kind, err = r.text()
		case "shape":
			c.Shape = engine.Shape{}
			err = r.list(func() error {
				d, err := r.integer()
				c.Shape = append(c.Shape, d)
				return err
			})
		case "categories":
			err = r.list(func() error {
				name, err := r.text()
				c.Categories = append(c.Categories, name)
				return err
			})
		case "mean":
			mean = new(float64)
			*mean, err = r.number()
		case "sd":
			sd = new(float64)
			*sd, err = r.number()
		}
		return err
	})
	return c, mean, sd, err
}

// object reads an object with all required keys, any of the optional ones, and no other.
func (r reader) object(required, optional []string, value func(key string) error) error {
	if err := r.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.More() {
		key, err := r.text()
		if err != nil {
			return err
		}
		if !slices.Contains(required, key) && !slices.Contains(optional, key) {
			return fmt.Errorf("unknown key %s; keys here are %s", quote(key), strings.Join(slices.Concat(required, optional), ", "))
		}
		if seen[key] {
			return fmt.Errorf("key %s occurs twice", quote(key))
		}
		seen[key] = true
		if err := value(key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	for _, key := range required {
		if !seen[key] {
			return fmt.Errorf("key %q is missing", key)
		}
	}
	return r.delim('}')
}

func (r reader) list(element func() error) error {
	if err := r.delim('['); err != nil {
		return err
	}
	for r.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return r.delim(']')
}

func (r reader) delim(want json.Delim) error {
	token, err := r.token()
	if err == nil && token != want {
		err = fmt.Errorf("found %s where %s is wanted", describe(token), want)
	}
	return err
}

func (r reader) text() (string, error) {
	token, err := r.token()
	s, ok := token.(string)
	if err == nil && !ok {
		err = fmt.Errorf("found %s where a text is wanted", describe(token))
	}
	return s, err
}

func (r reader) number() (float64, error) {
	token, err := r.token()
	n, ok := token.(json.Number)
	if err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("found %s where a number is wanted", describe(token))
		}
		return 0, err
	}
	v, err := n.Float64()
	if err != nil {
		return 0, fmt.Errorf("%s is beyond the largest number possible", quote(n.String()))
	}
	return v, nil
}

func (r reader) integer() (int, error) {
	v, err := r.number()
	if err == nil && (v != float64(int32(v)) || v < 0) {
		return 0, fmt.Errorf("%v is not a whole number from 0 to %d", v, 1<<31-1)
	}
	return int(v), err
}

func (r reader) numbers() (values []float64, err error) {
	err = r.list(func() error {
		v, err := r.number()
		values = append(values, v)
		return err
	})
	return values, err
}

func (r reader) token() (json.Token, error) {
	token, err := r.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return token, err
}

func describe(token json.Token) string {
	switch v := token.(type) {
	case json.Delim:
		return v.String()
	case json.Number:
		return quote(v.String())
	case string:
		return quote(v)
	case nil:
		return "null"
	}
	return fmt.Sprint(token)
}
