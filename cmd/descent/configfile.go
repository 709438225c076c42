package main

// The file of --config: YAML, or the config.json that every run has.

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/descent-go/descent/cmd/descent/yamltree"
	"github.com/descent-go/descent/internal/spec"
)

// readConfig reads a configuration as a tree. A folder stands for the config.json of the run in it.
func readConfig(path string) (spec.Value, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "config.json")
	}
	text, err := readSmall(path)
	if err != nil {
		return spec.Value{}, fmt.Errorf("--config: %w", err)
	}
	if first := bytes.TrimLeft(text, " \t\r\n"); len(first) > 0 && first[0] == '{' && filepath.Ext(path) == ".json" {
		return spec.ParseJSON(path, text)
	}
	return yamltree.Parse(path, text)
}

// readSmall reads a regular file of at most the size that a configuration can have.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, missing("file", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is no regular file", path)
	case info.Size() > spec.MaxBytes:
		return nil, fmt.Errorf("%q has %d bytes; a configuration has at most %d", path, info.Size(), spec.MaxBytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, spec.MaxBytes+1))
}
