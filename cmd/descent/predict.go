package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent"
	"github.com/descent-go/descent/data"
	"github.com/descent-go/descent/report"
)

// predict is the verb that answers.
func (p *program) predict() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "predict RUN|MODEL FILE [flags]",
		Short: "answers for new rows",
		Long: "Answers for each row of FILE: a table with a header, whose columns are found by name (a column of answers may be there and is not looked " +
			"at), IDX images, - for a table on standard input, or the name of a set inside the program. Of a classification the answer is the class " +
			"with its probability and the others', of a regression the number.",
		Example: `
  descent predict runs/flowers-1 new-flowers.csv
  descent predict runs/digits-1 digits --format csv > answers.csv
  descent predict model.safetensors t10k-images-idx3-ubyte.gz --json
  cat new.csv | descent predict runs/flowers-1 -`,
		Args:              arguments(2, "RUN|MODEL", "FILE"),
		ValidArgsFunction: folders,
	}
	format := text(c, groupOutput, "format", "FORMAT", strings.Join(report.PredictionFormats(), ", ")+"; table if not given")
	toggle(c, &asJSON, groupOutput, "json", "the same as --format json: one object a line")
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(report.PredictionFormats(), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		form := format.text
		switch {
		case asJSON && form != "" && form != "json":
			return fmt.Errorf("--json and --format %s contradict each other", form)
		case asJSON:
			form = "json"
		case form == "":
			form = "table"
		case !slices.Contains(report.PredictionFormats(), form):
			return unknownName("--format", form, report.PredictionFormats())
		}
		m, _, err := load(args[0])
		if err != nil {
			return err
		}
		return p.answer(c.Context(), m, args[1], form)
	}
	return c
}

// answer predicts every row of a file.
func (p *program) answer(ctx context.Context, m *descent.Model, file, format string) error {
	var targets []string
	if m.Classes() == nil {
		targets = []string{m.Pipeline().Target().Name}
	}
	w, err := report.NewPredictions(p.stdout, format, m.Classes(), targets)
	if err != nil {
		return err
	}
	next, done, err := p.rowsFor(m, file)
	if err != nil {
		return err
	}
	defer done()
	for n := 1; ; n++ {
		r, err := next()
		if err == io.EOF {
			return w.Close()
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			w.Close() // the rows before it are answered
			return fmt.Errorf("%s: %w", nameOfFile(file), err)
		}
		q := report.Prediction{Row: strconv.Itoa(n), Class: -1, Probabilities: r.Probabilities, Values: r.Values}
		if m.Classes() != nil {
			q.Class = r.Index
		}
		if err := w.Write(q); err != nil {
			return err
		}
	}
}

func nameOfFile(file string) string {
	if file == "-" {
		return "standard input"
	}
	return strconv.Quote(file)
}

// rowsFor gives the answers for the rows of a file, one a call, and what to do at the end.
func (p *program) rowsFor(m *descent.Model, file string) (next func() (descent.Result, error), done func(), err error) {
	done = func() {}
	if file == "digits" {
		next, err = answersOfSet(m, file)
		return next, done, err
	}
	in := io.ReadCloser(p.stdin)
	if file != "-" {
		if in, err = openRegular(file); err != nil {
			return nil, done, missing("file", file, err)
		}
		done = func() { in.Close() }
	}
	r := bufio.NewReaderSize(in, 1<<16)
	if head, _ := r.Peek(4); looksIDX(head) {
		next, err = answersOfImages(m, r)
	} else {
		next, err = answersOfText(m, r)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", nameOfFile(file), err)
	}
	return next, done, err
}

func answersOfText(m *descent.Model, r io.Reader) (func() (descent.Result, error), error) {
	rows, err := newTextRows(m, r)
	if err != nil {
		return nil, err
	}
	values := make([]any, m.Width())
	return func() (descent.Result, error) {
		cells, err := rows.next()
		if err != nil {
			return descent.Result{}, err
		}
		if !isTable(m) { // one value, an image
			return answerNumbers(m, cells, rows)
		}
		for i, c := range cells {
			values[i] = c
		}
		answer, err := m.Predict(values...)
		if err != nil {
			err = fmt.Errorf("line %d: %w", rows.line(), err)
		}
		return answer, err
	}, nil
}

// answerNumbers is for a model of images, whose numbers stand in cells.
func answerNumbers(m *descent.Model, cells []string, rows *textRows) (descent.Result, error) {
	numbers, err := numbersOf(cells, rows)
	if err != nil {
		return descent.Result{}, err
	}
	return m.Predict(numbers)
}

func answersOfImages(m *descent.Model, r io.Reader) (func() (descent.Result, error), error) {
	rows, err := newImageRows(m, r)
	if err != nil {
		return nil, err
	}
	return func() (descent.Result, error) {
		image, err := rows.next()
		if err != nil {
			return descent.Result{}, err
		}
		return m.Predict(image)
	}, nil
}

// answersOfSet is for a set inside the program.
func answersOfSet(m *descent.Model, name string) (func() (descent.Result, error), error) {
	set, err := data.Open(name, data.Options{})
	if err != nil {
		return nil, err
	}
	t, ok := set.(data.Table)
	if !ok {
		return nil, fmt.Errorf("%q is no table of numbers", name)
	}
	if columns := t.Columns(); len(m.Inputs()) != 1 || !m.Inputs()[0].Shape.Equal(columns[0].Shape) {
		return nil, fmt.Errorf("the rows of %q are images of %v, which is not what the model takes", name, columns[0].Shape)
	}
	row, at := make([]float64, m.Width()+1), 0
	return func() (descent.Result, error) {
		if at == t.Len() {
			return descent.Result{}, io.EOF
		}
		if err := t.Row(at, row); err != nil {
			return descent.Result{}, err
		}
		at++
		return m.Predict(row[:m.Width()])
	}, nil
}
