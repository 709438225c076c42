// Package fetch gets data sets that have a name ([data.Sets]) and puts them into the cache, where [data.Open] finds them. Only what the list
// in package data says is taken, from wherever it comes: sizes are known beforehand, and the SHA-256 of each unpacked file is compared
// before a set appears in the cache, whole or not at all.
//
// It is a package of its own so that who trains links no network code.
package fetch

// This file is the one door: get a set, from a place that the caller names or from one known place after the other.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/internal/spec"
)

// Options say where a set comes from and where it goes. The zero value is the usual.
type Options struct {
	// From is a folder with the set's files, or the https address of one; "" means the known places.
	From string
	// Dir is the folder that gets a folder of the set's name; "" means the cache, [data.CacheDir].
	Dir string
	// Progress, if not nil, is called when something begins and about ten times a second while bytes arrive.
	Progress func(Progress)
	// Client sends the requests; nil means one that knows the system's certificates and the proxies of the environment. Its CheckRedirect is
	// replaced: redirects go to https only.
	Client *http.Client
}

// Progress is how far the transfer of a file is.
type Progress struct {
	Place string // where it comes from; "" while another process that gets the same set is waited for
	File  string
	Done  int64 // bytes
	Total int64 // bytes; 0 where that is not known
}

// Result is where a set lies.
type Result struct {
	Dir     string  // its folder; "" for a set inside the program
	Place   string  // where it came from; "" if it was there already
	Bytes   int64   // unpacked
	Already bool    // it was there, whole and right
	Missed  []error // places that were tried in vain before
}

// getter gets one set.
type getter struct {
	set      data.Set
	store    *store
	client   *http.Client
	progress func(Progress)
	known    known           // the places for a set without From
	waits    []time.Duration // before each round over the mirrors
	stall    time.Duration   // how long a transfer may stand still
	came     string          // the mirror that the last file came from
}

// Get gets the set of that name. A set that is there already, whole and right, is left alone; one that is damaged is replaced. Two processes
// that get the same set wait for each other. After an error the cache is as it was; what has arrived of a file is kept beside it, so that
// the next call goes on from there.
func Get(ctx context.Context, name string, o Options) (Result, error) {
	set, err := find(name)
	if err != nil {
		return Result{}, err
	}
	g := getter{set: set, progress: o.Progress, known: places(set.Name), waits: usualWaits, stall: usualStall, client: client(o.Client)}
	return g.get(ctx, o)
}

func find(name string) (data.Set, error) {
	var names []string
	for _, s := range data.Sets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if near := spec.Nearest(name, names); near != "" {
		return data.Set{}, fmt.Errorf("there is no data set %q; did you mean %s? there are %s", name, near, strings.Join(names, ", "))
	}
	return data.Set{}, fmt.Errorf("there is no data set %q; there are %s", name, strings.Join(names, ", "))
}

func (g *getter) get(ctx context.Context, o Options) (Result, error) {
	if g.set.Files == nil {
		return Result{Already: true}, nil
	}
	if g.progress == nil {
		g.progress = func(Progress) {}
	}
	from, err := g.from(o.From)
	if err != nil {
		return Result{}, err
	}
	dir := o.Dir
	if dir == "" {
		if dir, err = data.CacheDir(); err != nil {
			return Result{}, fmt.Errorf("%w, or name a place with --dir", err)
		}
	}
	if g.store, err = openStore(dir, g.set); err != nil {
		return Result{}, err
	}
	defer g.store.close()
	r := Result{Dir: g.store.final(), Already: true}
	for _, f := range g.set.Files {
		r.Bytes += f.Size
	}
	// Without the lock first: a folder that may only be read can hold the set too.
	if g.set.Check(r.Dir) == nil {
		return r, nil
	}
	if err := g.store.lock(ctx, func() { g.progress(Progress{}) }); err != nil {
		return Result{}, err
	}
	if g.set.Check(r.Dir) == nil { // another process got it meanwhile
		return r, nil
	}
	r.Already = false
	if err := g.store.begin(); err != nil {
		return Result{}, err
	}
	defer g.store.tidy()
	for _, p := range from {
		err := g.files(ctx, p)
		if cause := context.Cause(ctx); cause != nil {
			return Result{}, fmt.Errorf("getting data set %q: %w", g.set.Name, cause)
		}
		if err == nil {
			if r.Place = p.name(); g.came != "" {
				r.Place = g.came
			}
			return r, g.store.install()
		}
		var own *storeError // no other place helps when the disk is full
		if errors.As(err, &own) {
			return Result{}, err
		}
		r.Missed = append(r.Missed, fmt.Errorf("%s: %w", p.name(), err))
	}
	return Result{}, g.nowhere(r.Missed)
}

// nowhere is the error when all places were tried in vain.
func (g *getter) nowhere(missed []error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "data set %q cannot be had", g.set.Name)
	for i, err := range missed {
		if i == 0 {
			fmt.Fprintf(&b, " from %v", err)
		} else {
			fmt.Fprintf(&b, "; nor from %v", err)
		}
	}
	fmt.Fprintf(&b, "; with its %d files in a folder: descent data get %s --from FOLDER", len(g.set.Files), g.set.Name)
	return &nowhereError{b.String(), missed}
}

type nowhereError struct {
	text   string
	missed []error
}

func (e *nowhereError) Error() string   { return e.text }
func (e *nowhereError) Unwrap() []error { return e.missed }

// files gets all files that are not staged yet from one place.
func (g *getter) files(ctx context.Context, p place) error {
	g.came = ""
	p, err := p.ready(ctx, g)
	if err != nil {
		return err
	}
	for _, f := range g.set.Files {
		if g.store.staged(f) {
			continue
		}
		if err := p.file(ctx, g, f); err != nil {
			return err
		}
	}
	return nil
}

// from are the places to ask, in order.
func (g *getter) from(ref string) ([]place, error) {
	if ref == "" {
		return g.known.list(), nil
	}
	if strings.Contains(ref, "://") {
		m, err := mirrorOf(ref)
		if err != nil {
			return nil, err
		}
		return []place{mirrors{m}}, nil
	}
	info, err := os.Stat(ref)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--from: there is no folder %q; give a folder with the set's files, or an address that begins with https://", ref)
	case err != nil:
		return nil, fmt.Errorf("--from: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("--from: %q is a file; give the folder that holds the set's files", ref)
	}
	return []place{folder(ref)}, nil
}
