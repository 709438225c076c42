package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/run"
)

// modelFile is the name of the thing to ship.
const modelFile = "model.safetensors"

func modelPath(dir string) string { return filepath.Join(dir, modelFile) }

// writeModel writes the best weights with everything that a prediction needs.
func (t *training) writeModel() error {
	s := t.session
	meta, err := descent.Metadata(s.config.Model, s.loss(), s.source.pipeline, s.config.Version)
	if err != nil {
		return err
	}
	return t.folder.WriteModel(t.best.Keep(), meta)
}

// maxModelFile bounds what is read into memory as a model.
const maxModelFile = 64 << 30

// ReadModel reads the bytes of a saved model: a file, or the model of a run folder.
func ReadModel(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		folder, err := run.View(path)
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		model, err := folder.Model()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has no model yet: the run is not over; go on with it by: descent resume %s", path, path)
		}
		return model, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file; a model.safetensors or a run folder is wanted", path)
	}
	if info.Size() > maxModelFile {
		return nil, fmt.Errorf("%s has %s; a model of at most %s is wanted", path, byteCount(info.Size()), byteCount(maxModelFile))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

func weightsOf(path string) ([]engine.Tensor, error) {
	text, err := ReadModel(path)
	if err != nil {
		return nil, err
	}
	m, err := descent.Load(text)
	if err != nil {
		return nil, err
	}
	return m.Weights(), nil
}

// EvaluateModel measures a saved model on rows of a data set; nil rows are all of them. The data's columns must be the model's, its classes
// among the model's classes in their order.
func EvaluateModel(ctx context.Context, m *descent.Model, set data.Dataset, part string, rows []int) (Scores, error) {
	table, ok := set.(data.Table)
	if !ok {
		return Scores{}, errors.New("the data set is no table of raw numbers, to which the model's scaling could be applied")
	}
	s := source{pipeline: m.Pipeline()}
	var err error
	if s.dataset, err = data.Prepared(table, s.pipeline); err != nil {
		return Scores{}, err
	}
	for _, f := range s.dataset.Fields() {
		if f.Use == engine.Target {
			s.target = f
		} else if f.Use == engine.Feature {
			s.inputs = append(s.inputs, f)
		}
	}
	g, err := graph(&s, &Config{Model: m.Layer(), Loss: m.Loss()})
	if err != nil {
		return Scores{}, err
	}
	weights := m.Weights()
	precision := engine.Float32
	if len(weights) > 0 && weights[0].F64 != nil {
		precision = engine.Float64
	}
	plan, err := engine.Compile(g, engine.Options{Precision: precision, Rows: evaluationRows, Measure: true, Blank: true})
	if err != nil {
		return Scores{}, err
	}
	if err := plan.Weights().Restore(weights); err != nil {
		return Scores{}, err
	}
	if rows == nil {
		for i := range set.Len() {
			rows = append(rows, i)
		}
	}
	return evaluatorOn(&s, plan).on(ctx, part, rows)
}

// Rows are the rows of a run's own data that a part has: train, validation or test.
func Rows(c Config, set data.Dataset, part string) ([]int, error) {
	parts, err := c.Split.Rows(set, c.Seed)
	if err != nil {
		return nil, err
	}
	rows, ok := map[string][]int{"train": parts.Train, "validation": parts.Validation, "test": parts.Test}[part]
	if !ok {
		return nil, fmt.Errorf("unknown part %q; train, validation and test are possible", part)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the run held nothing out for %s", part)
	}
	return rows, nil
}
