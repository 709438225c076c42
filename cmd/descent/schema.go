package main

// descent schema: the configuration as JSON Schema, made from the structs and registries that read it, so that an editor completes and checks
// what one types. It accepts whatever the reader accepts; what only a look at the data can tell, it leaves to the reader.
//
// A thing of a registry has several spellings, which stand in a definition for each registry: its name, text such as "dense(512)", a map of
// its name to its settings or to its first setting, and, where the registry says so, a number or a list.

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/nn"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/train"
)

// schemaFile is the name under which the texts suggest to keep the schema.
const schemaFile = "descent.schema.json"

// schema is the verb that prints the schema.
func (p *program) schema() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema [flags]",
		Short: "JSON Schema of the configuration, for editors",
		Long: "Prints the JSON Schema (draft 2020-12) of a configuration, for editors that complete and check YAML and JSON. With the language server " +
			"for YAML, which VS Code, Neovim, Emacs, Helix and others use, keep it in a file and let the first line of a configuration be:\n" +
			"\n" +
			"# yaml-language-server: $schema=" + schemaFile + "\n" +
			"\n" +
			"The path is that from the configuration to the schema. descent init writes this line.",
		Example: `
  descent schema > ` + schemaFile + `
  check-jsonschema --schemafile ` + schemaFile + ` first.yaml`,
		Args: arguments(0),
	}
	c.RunE = func(*cobra.Command, []string) error {
		s, _, err := configSchema()
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		return p.print(string(text) + "\n")
	}
	return c
}

// configSchema is the schema of a whole configuration, with the types whose spelling it does not know.
func configSchema() (*jsonschema.Schema, []reflect.Type, error) {
	m := schemaMaker{set: train.Registries(), defs: map[string]*jsonschema.Schema{}}
	usual, err := usualConfig()
	if err != nil {
		return nil, nil, err
	}
	s := m.object(reflect.ValueOf(usual), true)
	for _, kind := range []string{"layer", "loss", "initializer", "optimizer", "rule", "schedule", "wrapper"} {
		m.kind(kind)
	}
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Configuration of descent"
	s.Description = "What descent train --config reads. Every key may be left out; descent init DATA writes a file with comments."
	s.Defs = m.defs
	return s, m.unknown, nil
}

// usualConfig is a configuration with its defaults filled in, those that depend on data taken out.
func usualConfig() (train.Config, error) {
	plan, err := train.Check(train.Config{Data: "digits", Optimizer: usualOptimizer(train.Registries())})
	if err != nil {
		return train.Config{}, err
	}
	c := plan.Config
	c.Data, c.Dataset, c.Made, c.Checkpoint, c.Report = "", nil, train.Made{}, train.Every{}, 0
	return c, nil
}

// schemaMaker makes schemas. A type with a spelling that it does not know, which somebody's own layer may have, takes anything.
type schemaMaker struct {
	set     *spec.Set
	defs    map[string]*jsonschema.Schema
	unknown []reflect.Type
}

func (m *schemaMaker) anything(t reflect.Type) *jsonschema.Schema {
	m.unknown = append(m.unknown, t)
	return &jsonschema.Schema{}
}

// kindsOf are the registries by the type of the fields that hold their things.
var kindsOf = map[reflect.Type]string{
	reflect.TypeFor[nn.Layer]():        "layer",
	reflect.TypeFor[engine.Init]():     "initializer",
	reflect.TypeFor[optim.Optimizer](): "optimizer",
	reflect.TypeFor[optim.Rule]():      "rule",
	reflect.TypeFor[optim.Schedule]():  "schedule",
	reflect.TypeFor[optim.Wrapper]():   "wrapper",
}

const numberPattern = `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`

// spelled are the types that read their own spelling.
func (m *schemaMaker) spelled(t reflect.Type) (*jsonschema.Schema, bool) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return anyOf(&jsonschema.Schema{Type: "string", Pattern: `^[+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`}, constant(0)), true
	case reflect.TypeFor[train.Batch]():
		return anyOf(constant("full"), &jsonschema.Schema{Type: "integer", Minimum: jsonschema.Ptr(1.0)}), true
	case reflect.TypeFor[train.Until]():
		return &jsonschema.Schema{Types: []string{"string", "null"}, Pattern: `^$|^\s*[a-z][a-z0-9_]*\s*=\s*` + numberPattern + `\s*$`, Examples: []any{"accuracy=0.97"}}, true
	case reflect.TypeFor[train.ClassWeight]():
		weights := &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "number", Minimum: jsonschema.Ptr(0.0)}}
		return anyOf(constant("balanced"), weights, constant(""), constant(nil)), true
	case reflect.TypeFor[train.Precision]():
		return &jsonschema.Schema{Type: "string", Enum: []any{train.Float32.String(), train.BFloat16.String(), train.Float64.String()}}, true
	case reflect.TypeFor[engine.Role]():
		s := &jsonschema.Schema{Type: "string"}
		for r := engine.Weight; ; r++ {
			if _, err := engine.ParseRole(r.String()); err != nil {
				return s, true
			}
			s.Enum = append(s.Enum, r.String())
		}
	case reflect.TypeFor[optim.Decay](), reflect.TypeFor[optim.Clip]():
		return anyOf(&jsonschema.Schema{Type: "number", Minimum: jsonschema.Ptr(0.0)}, m.object(reflect.Zero(t), false)), true
	}
	return nil, false
}

// object is a struct: its keys and, where the value holds them, their defaults. In a plain struct zero stands for a default.
func (m *schemaMaker) object(v reflect.Value, holdsDefaults bool) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: nothing()}
	defaults := spec.Value{}
	if holdsDefaults {
		defaults, _ = m.set.Encode(v.Interface()) // without one there are no defaults to tell
	}
	for _, f := range schemaFields(v) {
		p := m.value(f.typ, f.limits)
		p = described(p, f.help)
		if d := m.jsonDefault(defaults, f); d != nil && f.hasDefault() {
			p.Default = d
		}
		if f.needed() {
			s.Required = append(s.Required, f.key)
		}
		s.Properties[f.key] = p
		s.PropertyOrder = append(s.PropertyOrder, f.key)
	}
	return s
}

// described gives a schema a text of its own; one that is a reference is wrapped, since others refer to it too.
func described(s *jsonschema.Schema, text string) *jsonschema.Schema {
	if s.Description != "" || s.Ref != "" {
		s = anyOf(s)
	}
	s.Description = text
	return s
}

// jsonDefault is a default as JSON, a thing of a registry as its text; nil where there is nothing to tell.
func (m *schemaMaker) jsonDefault(all spec.Value, f schemaField) json.RawMessage {
	i := slices.IndexFunc(all.Pairs, func(p spec.Pair) bool { return p.Key == f.key })
	if i < 0 {
		return nil
	}
	v := all.Pairs[i].Value
	switch {
	case v.Kind == spec.Null || v.Kind == spec.Map || v.Kind == spec.String && v.Text == "":
		return nil
	case v.Kind == spec.Call:
		short, err := m.set.EncodeShort(f.value.Interface(), nil)
		if err != nil {
			return nil
		}
		v = spec.StringValue(short.String())
	}
	return json.RawMessage(strings.TrimSpace(string(v.JSON())))
}

// value is what a place of a type takes.
func (m *schemaMaker) value(t reflect.Type, l schemaLimits) *jsonschema.Schema {
	if t.Kind() == reflect.Pointer {
		return orNull(m.value(t.Elem(), l))
	}
	if s, ok := m.spelled(t); ok {
		return s
	}
	if kind, ok := kindOfType(t, l); ok {
		s := &jsonschema.Schema{Ref: "#/$defs/" + kind}
		if t.Kind() == reflect.Interface {
			return orNull(s)
		}
		return s
	}
	if spelledByItself(t) {
		return m.anything(t)
	}
	switch {
	case t.Kind() == reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case t.Kind() == reflect.String:
		s := &jsonschema.Schema{Type: "string"}
		for _, c := range l.choices {
			s.Enum = append(s.Enum, c)
		}
		return s
	case reflect.Int <= t.Kind() && t.Kind() <= reflect.Int64:
		return l.bound(&jsonschema.Schema{Type: "integer"})
	case reflect.Uint <= t.Kind() && t.Kind() <= reflect.Uint64:
		s := l.bound(&jsonschema.Schema{Type: "integer"})
		if s.Minimum == nil {
			s.Minimum = jsonschema.Ptr(0.0)
		}
		return s
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return l.bound(&jsonschema.Schema{Type: "number"})
	case t.Kind() == reflect.Slice:
		return &jsonschema.Schema{Types: []string{"array", "null"}, Items: m.element(t, l)}
	case t.Kind() == reflect.Map:
		return &jsonschema.Schema{Types: []string{"object", "null"}, AdditionalProperties: m.value(t.Elem(), l)}
	case t.Kind() == reflect.Struct:
		s := m.object(reflect.Zero(t), false)
		if first, ok := firstArgument(schemaFields(reflect.Zero(t))); ok {
			return anyOf(s, m.short(first.typ, first.limits))
		}
		return s
	}
	return m.anything(t)
}

// element is what a list holds: a thing, without the null that a single place may have.
func (m *schemaMaker) element(t reflect.Type, l schemaLimits) *jsonschema.Schema {
	if kind, ok := kindOfType(t.Elem(), l); ok {
		return &jsonschema.Schema{Ref: "#/$defs/" + kind}
	}
	return m.value(t.Elem(), l)
}

// short is what a value without its key takes: a thing of a registry then is no map, whose keys would be taken for arguments.
func (m *schemaMaker) short(t reflect.Type, l schemaLimits) *jsonschema.Schema {
	if kind, ok := kindOfType(t, l); ok {
		return &jsonschema.Schema{Ref: "#/$defs/" + kind + "_short"}
	}
	s := m.value(t, l)
	if t.Kind() == reflect.Slice && !spelledByItself(t) { // the last argument takes one or many
		return anyOf(s, m.short(t.Elem(), l))
	}
	return s
}

// kind makes the definitions of a registry's things.
func (m *schemaMaker) kind(kind string) {
	r, ok := m.set.Registry(kind)
	if !ok {
		panic("schema: there is no list of kind " + kind) // of our own registries
	}
	object := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: nothing(),
		MinProperties: jsonschema.Ptr(1), MaxProperties: jsonschema.Ptr(1)}
	bare := &jsonschema.Schema{Enum: []any{}}
	var names, alone []string
	short := []*jsonschema.Schema{}
	for _, e := range r.Entries() {
		for i, name := range append([]string{e.Name}, e.Aliases...) {
			settings, suffices := m.settings(e)
			names = append(names, regexp.QuoteMeta(name))
			object.Properties[name] = settings
			object.PropertyOrder = append(object.PropertyOrder, name)
			if suffices {
				alone = append(alone, regexp.QuoteMeta(name))
				if i == 0 {
					bare.Enum = append(bare.Enum, name)
				}
			}
		}
		if e.Number {
			short = append(short, m.value(reflect.TypeOf(e.Prototype), schemaLimits{}), &jsonschema.Schema{Type: "string", Pattern: `^\s*` + numberPattern + `\s*$`})
		}
		if e.List {
			t := reflect.TypeOf(e.Prototype)
			short = append(short, &jsonschema.Schema{Type: "array", Items: m.element(t, schemaLimits{})}, &jsonschema.Schema{Type: "string", Pattern: `^\s*\[`})
		}
	}
	// A name alone is one that lacks nothing; with parentheses it may be any, and the reader judges what is in them.
	text := &jsonschema.Schema{Type: "string", Pattern: `^\s*((` + strings.Join(alone, "|") + `)\s*|(` + strings.Join(names, "|") + `)\s*\([\s\S]*)$`}
	if len(alone) == 0 {
		text.Pattern = `^\s*(` + strings.Join(names, "|") + `)\s*\(`
	}
	short = append([]*jsonschema.Schema{bare, text}, short...)
	if len(bare.Enum) == 0 {
		short = short[1:]
	}
	m.defs[kind+"_short"] = anyOf(short...)
	m.defs[kind] = anyOf(&jsonschema.Schema{Ref: "#/$defs/" + kind + "_short"}, object)
}

// settings is what stands behind a thing's name; alone says whether the name alone suffices.
func (m *schemaMaker) settings(e spec.Entry) (s *jsonschema.Schema, alone bool) {
	v := reflect.ValueOf(e.Prototype)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	null := &jsonschema.Schema{Type: "null"}
	if v.Kind() != reflect.Struct || spelledByItself(v.Type()) {
		return described(anyOf(m.short(v.Type(), schemaLimits{}), null), e.Help), true
	}
	fields := schemaFields(v)
	forms := []*jsonschema.Schema{m.object(v, true)}
	first, hasFirst := firstArgument(fields)
	others := false // that are needed
	for _, f := range fields {
		if f.needed() {
			others = others || !hasFirst || f.key != first.key
		}
	}
	if hasFirst && !others {
		forms = append(forms, m.short(first.typ, first.limits))
	}
	alone = !others && !(hasFirst && first.needed())
	if alone {
		forms = append(forms, null)
	}
	return described(anyOf(forms...), e.Help), alone
}

func kindOfType(t reflect.Type, l schemaLimits) (string, bool) {
	kind, ok := kindsOf[t]
	if ok && l.kind != "" {
		kind = l.kind
	}
	return kind, ok
}

func anyOf(list ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: list} }

func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	return anyOf(s, &jsonschema.Schema{Type: "null"})
}

func constant(v any) *jsonschema.Schema { return &jsonschema.Schema{Const: &v} }

// nothing is the schema that no value meets.
func nothing() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }
