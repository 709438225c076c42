package main

// What RUN and MODEL name: a run folder, or a model.safetensors.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/train"
)

// isRun refuses what is no run folder.
func isRun(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return missing("run", path, err)
	case !info.IsDir():
		return fmt.Errorf("%q is a file; a run folder is wanted", path)
	}
	if _, err := os.Stat(filepath.Join(path, "config.json")); errors.Is(err, fs.ErrNotExist) {
		if inside := runsIn(path); len(inside) > 0 {
			return fmt.Errorf("%q is no run folder but holds some: name one of them, such as %s", path, inside[0])
		}
		return fmt.Errorf("%q is no run folder: it has no config.json", path)
	}
	return nil
}

// missing is the error for a path that is not there, with the run that may have been meant.
func missing(what, path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("there is no %s %q", what, path)
	if what == "file" {
		return errors.New(text)
	}
	known := runsIn(filepath.Dir(path))
	if len(known) == 0 {
		known = runsIn(runsRoot)
	}
	if near := spec.Nearest(filepath.Clean(path), known); near != "" {
		return fmt.Errorf("%s; did you mean %q?", text, near)
	}
	return fmt.Errorf("%s; runs are made by: descent train DATA", text)
}

// runsIn lists the run folders in a folder.
func runsIn(root string) []string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		if _, err := os.Stat(filepath.Join(path, "config.json")); e.IsDir() && err == nil {
			list = append(list, path)
		}
	}
	return list
}

// load reads the model of a run folder or a file.
func load(path string) (m *descent.Model, isFolder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, missing("run or model", path, err)
	}
	if info.IsDir() {
		if err := isRun(path); err != nil {
			return nil, true, err
		}
	}
	text, err := train.ReadModel(path)
	if err != nil {
		return nil, info.IsDir(), err
	}
	m, err = descent.Load(text)
	if err != nil {
		return nil, info.IsDir(), fmt.Errorf("%q: %w", path, err)
	}
	return m, info.IsDir(), nil
}

// folders completes run folders: those in runs, else whatever files there are.
func folders(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var list []string
	for _, dir := range runsIn(runsRoot) {
		if strings.HasPrefix(dir, begun) {
			list = append(list, dir)
		}
	}
	return list, cobra.ShellCompDirectiveDefault
}
