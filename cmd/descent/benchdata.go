package main

// The data of the workloads: MNIST where it is, or images of its shape that are made up. Both are read by package data and held as bytes.

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/descent-go/descent/data"
)

// benchSet is a table of images with a test part.
type benchSet struct {
	table  data.Table
	test   []int
	madeUp bool
}

// openBench opens what --data names, mnist if nothing.
func openBench(ref string) (benchSet, error) {
	if ref == "" {
		ref = "mnist"
	}
	d, err := data.Open(ref, data.Options{})
	if err != nil {
		return benchSet{}, err
	}
	table, isTable := d.(data.Table)
	about, describes := d.(data.Describer)
	if !isTable || !describes {
		return benchSet{}, fmt.Errorf("data %q: the workloads train on images of MNIST's shape", ref)
	}
	columns, set := table.Columns(), benchSet{table: table, test: about.About().Test}
	const pixels, classes, most = 784, 10, 512
	switch inputs := columns[0].Size(); {
	case len(columns) != 2 || inputs != pixels:
		return set, fmt.Errorf("data %q: rows are %v; the workloads take images of %d pixels, as MNIST has: descent data get mnist", ref, columns[0].Shape, pixels)
	case len(columns[1].Categories) != classes:
		return set, fmt.Errorf("data %q: there are %d classes; the workloads have %d", ref, len(columns[1].Categories), classes)
	case len(set.test) == 0:
		return set, fmt.Errorf("data %q: there are no test images; every run ends with the accuracy on them, so that a fast one that trains wrongly is seen", ref)
	case table.Len()-len(set.test) < most:
		return set, fmt.Errorf("data %q: there are %d training images; the largest batch has %d", ref, table.Len()-len(set.test), most)
	}
	return set, nil
}

// openOrMake is openBench, with made-up images where nothing was named and MNIST is not here. A set that is here and damaged is an error.
func openOrMake(ref string) (benchSet, error) {
	if ref == "" {
		dir, err := data.CacheDir()
		if _, missing := os.Stat(filepath.Join(dir, "mnist")); err != nil || missing != nil {
			return makeUp(60000, 10000)
		}
	}
	return openBench(ref)
}

// makeUp makes images and opens them; the folder that they pass through does not stay.
func makeUp(train, test int) (benchSet, error) {
	dir, err := os.MkdirTemp("", "descent-bench-")
	if err != nil {
		return benchSet{}, err
	}
	defer os.RemoveAll(dir)
	if err := writeImages(dir, train, test); err != nil {
		return benchSet{}, err
	}
	set, err := openBench(dir)
	set.madeUp = true
	return set, err
}

// writeImages writes made-up images in the form in which MNIST comes. A class is a pattern of its own, and an image its pattern with most
// pixels changed, so that there is something to learn.
func writeImages(dir string, train, test int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	random := uint64(1)
	next := func() uint64 { // the generator splitmix64
		random += 0x9e3779b97f4a7c15
		x := random
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	const classes, pixels = 10, 784
	var pattern [classes][pixels]byte
	for c := range pattern {
		for i := 0; i < pixels; i += 8 {
			binary.LittleEndian.PutUint64(pattern[c][i:], next())
		}
	}
	for _, part := range []struct {
		name string
		rows int
	}{{"train", train}, {"t10k", test}} {
		images := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(part.rows))
		images = append(images, 0, 0, 0, 28, 0, 0, 0, 28)
		labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(part.rows))
		header := len(images)
		images = append(images, make([]byte, part.rows*pixels)...)
		for r := range part.rows {
			class := next() % classes
			labels = append(labels, byte(class))
			row := images[header+r*pixels : header+(r+1)*pixels]
			for i := 0; i < pixels; i += 8 {
				noise, mask := next(), next()
				keep := (mask & (mask >> 1) & 0x0101010101010101) * 0xff // a quarter of the pattern's pixels stay
				from := binary.LittleEndian.Uint64(pattern[class][i:])
				binary.LittleEndian.PutUint64(row[i:], noise&^keep|from&keep)
			}
		}
		for name, content := range map[string][]byte{part.name + "-images-idx3-ubyte": images, part.name + "-labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}
