package spec

// This file holds registries: one ordered list for each kind of thing (layers, optimizers, schedules, ...), which is at
// once the room's table of contents, the source of the defaults, and the source of the help text.

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// Entry is one thing that text can name.
type Entry struct {
	Name string // lower case: adamw, layer_norm
	// Prototype holds the defaults: a decoded value starts as a copy of it, so a key that is not given keeps what stands
	// here and a given zero means zero. A struct gives its fields as keys; a named scalar or slice takes one argument.
	Prototype any
	Help      string   // one line for lists
	Aliases   []string // other names that read as this one; Name is what is written
	// Number makes a bare number stand for this entry with the number as its argument: 1e-3 for constant(1e-3).
	Number bool
	// List makes a list stand for this entry with the list as its argument: [dense(8), relu] for sequence(dense(8), relu).
	List bool
}

// Registry is the ordered list of the things of one kind. Reading and Register may go on at the same time.
type Registry struct {
	kind string
	typ  reflect.Type

	mu      sync.RWMutex
	entries []Entry
	byName  map[string]int
}

// NewRegistry makes the list of one kind of thing; kind is its word in messages ("layer"). T is what fields that hold such
// a thing have as their type: an interface, or a struct with an inline interface field. A list that contradicts itself
// is a mistake in the program and panics at its start.
func NewRegistry[T any](kind string, entries ...Entry) *Registry {
	r := &Registry{kind: kind, typ: reflect.TypeFor[T](), byName: map[string]int{}}
	for _, e := range entries {
		if err := r.Register(e); err != nil {
			panic(err)
		}
	}
	return r
}

// Register adds an entry at the end. It refuses a name that is taken or not a plain lower-case word, and a prototype
// that is not of the registry's type or has fields that text cannot set.
func (r *Registry) Register(e Entry) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("registering %s %s: %s", r.kind, quote(e.Name), fmt.Sprintf(format, args...))
	}
	t := reflect.TypeOf(e.Prototype)
	if t == nil || !t.AssignableTo(r.typ) {
		return fail("prototype is %v, wanted %v", t, r.typ)
	}
	if err := checkType(reflect.ValueOf(e.Prototype)); err != nil {
		return fail("%v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names := append([]string{e.Name}, e.Aliases...)
	for i, name := range names {
		if !plainName(name) {
			return fail("found the name %s, wanted lower-case letters, digits, - and _, beginning with a letter", quote(name))
		}
		if _, taken := r.byName[name]; taken || slices.Contains(names[:i], name) {
			return fail("the name %s is taken", quote(name))
		}
	}
	for _, old := range r.entries {
		if e.Number && old.Number || e.List && old.List {
			return fail("%s already stands for bare numbers or lists", old.Name)
		}
	}
	for _, name := range names {
		r.byName[name] = len(r.entries)
	}
	r.entries = append(r.entries, e)
	return nil
}

func plainName(s string) bool {
	for i, b := range []byte(s) {
		letter := b >= 'a' && b <= 'z'
		if !letter && (i == 0 || !(b >= '0' && b <= '9' || b == '-' || b == '_')) {
			return false
		}
	}
	return s != "" && Bare(s, Pos{}).Kind == String
}

// Kind returns the word for the things in the list: "layer".
func (r *Registry) Kind() string { return r.kind }

// Entries returns a copy of the list, in order. The prototypes are not to be changed.
func (r *Registry) Entries() []Entry {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.entries)
}

// Names returns the names in order, without aliases.
func (r *Registry) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, len(r.entries))
	for i, e := range r.entries {
		names[i] = e.Name
	}
	return names
}

// Lookup finds an entry by name or alias. The error names the nearest name and the known ones.
func (r *Registry) Lookup(name string) (Entry, error) {
	r.mu.RLock()
	i, ok := r.byName[name]
	var e Entry
	if ok {
		e = r.entries[i]
	}
	r.mu.RUnlock()
	if !ok {
		return e, fmt.Errorf("unknown %s %s%s", r.kind, quote(name), didYouMean(name, r.Names()))
	}
	return e, nil
}

// shorthand finds the entry for which a bare number (or a list) stands.
func (r *Registry) shorthand(k Kind) (Entry, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, e := range r.entries {
		if k == Number && e.Number || k == List && e.List {
			return e, true
		}
	}
	return Entry{}, false
}

// Set is the registries that a decoder knows. A field finds its registry by its type, or, where several lists have the
// same type (a loss is a layer), by the kind in its tag. nil and the zero Set know none, which suffices for plain values.
type Set struct {
	lists  []*Registry
	byType map[reflect.Type]*Registry
}

// NewSet collects registries. Of several for one type the first serves fields without a kind in their tag. Two of one
// kind are a mistake in the program and panic.
func NewSet(registries ...*Registry) *Set {
	s := &Set{byType: map[reflect.Type]*Registry{}}
	for _, r := range registries {
		if _, twice := s.Registry(r.kind); twice {
			panic(fmt.Sprintf("spec: two registries of kind %s", r.kind))
		}
		s.lists = append(s.lists, r)
		if s.byType[r.typ] == nil {
			s.byType[r.typ] = r
		}
	}
	return s
}

// Registry returns the registry whose kind is the given word, and whether there is one.
func (s *Set) Registry(kind string) (*Registry, bool) {
	if s != nil {
		for _, r := range s.lists {
			if r.kind == kind {
				return r, true
			}
		}
	}
	return nil, false
}

// registry returns the registry for a field of type t, which may name the kind: the type's own, or that of the interface
// inlined in it, or nil.
func (s *Set) registry(t reflect.Type, kind string) *Registry {
	if s == nil {
		return nil
	}
	if r, ok := s.Registry(kind); ok && r.typ == t {
		return r
	}
	if r := s.byType[t]; r != nil || t.Kind() != reflect.Struct {
		return r
	}
	for _, f := range fieldsOf(t) {
		if f.inline && f.typ.Kind() == reflect.Interface {
			return s.registry(f.typ, f.limits.kind)
		}
	}
	return nil
}
