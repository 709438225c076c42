package data

// This file decides which rows are for training, validation and test. The choice is a function of the data set's classes and a seed, the same
// on every platform; it is made once for a run and never looks at features.

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/rng"
)

// Split says how rows are shared out. The zero value is the usual: the authors' own test part, or else a fifth of the rows; then a tenth
// of the rest for validation. Both are drawn at random, for a classification class by class, so that each part has the classes in
// the whole's proportions (stratified). A class's last row always stays in training: a class with one row is never tested.
type Split struct {
	// Test is the share of all rows that is held out for the test, over 0 and under 1; 0 means 0.2. A data set that brings its own test part
	// (About.Test) allows none but 0.
	Test float64
	// Validation is the share of the rows outside the test part that is held out for choosing and stopping; 0 means 0.1.
	Validation float64
	// NoTest holds nothing out for the test; a test part that the set brings is left unused, never trained on.
	NoTest bool
	// NoValidation holds nothing out for validation.
	NoValidation bool
	// TestAsValidation looks at the test part during training in place of held-out rows: all others train, and no test part is left. It is for
	// comparing with others who stop by the test set; a score that was chosen by says too much good of the model.
	TestAsValidation bool `help:"choose and stop by the test part, and train on all other rows"`
	// Unstratified draws rows whatever their class.
	Unstratified bool
}

// Parts are row numbers in ascending order. No row is in two parts, and every row is in one, unless NoTest leaves a given test part
// unused.
type Parts struct{ Train, Validation, Test []int }

const (
	usualTest       = 0.2
	usualValidation = 0.1
)

// Validate reports all that is wrong with the shares.
func (s Split) Validate() error {
	var errs []error
	share := func(name string, v float64, none bool) {
		if math.IsNaN(v) || v < 0 || v >= 1 {
			errs = append(errs, fmt.Errorf("split: %s is %v; a share over 0 and under 1 is wanted, or 0 for the usual", name, v))
		}
		if none && v != 0 {
			errs = append(errs, fmt.Errorf("split: %s is %v and none is wanted as well; set one of the two", name, v))
		}
	}
	share("test", s.Test, s.NoTest)
	share("validation", s.Validation, s.NoValidation)
	if s.TestAsValidation && (s.NoTest || s.NoValidation || s.Validation != 0) {
		errs = append(errs, errors.New("split: test as validation takes the place of a share for validation, of no validation and of no test; leave those out"))
	}
	return errors.Join(errs...)
}

// Rows shares out the rows of d. Shares are rounded to whole rows; a small set may have an empty part, except for training, which has at
// least one row.
func (s Split) Rows(d Dataset, seed uint64) (Parts, error) {
	var p Parts
	if err := s.Validate(); err != nil {
		return p, err
	}
	if err := check(d, nil); err != nil {
		return p, err
	}
	n := d.Len()
	if n == 0 {
		return p, fmt.Errorf("split: the data set has no rows")
	}
	class := make([]int, n)
	if !s.Unstratified {
		if err := classes(d, class); err != nil {
			return p, fmt.Errorf("split: %w", err)
		}
	}

	rest := make([]int, n)
	for i := range rest {
		rest[i] = i
	}
	var given []int
	if d, ok := d.(Describer); ok {
		given = d.About().Test
	}
	switch {
	case len(given) > 0 && s.Test != 0:
		return p, fmt.Errorf("split: the data set brings its own test part of %d rows; leave the share for the test out", len(given))
	case len(given) > 0:
		held := make([]bool, n)
		for _, i := range given {
			if i < 0 || i >= n || held[i] {
				return p, fmt.Errorf("split: the data set names row %d for its test part, twice or beyond its %d rows", i, n)
			}
			held[i] = true
		}
		rest = slices.DeleteFunc(rest, func(i int) bool { return held[i] })
		if len(rest) == 0 {
			return p, fmt.Errorf("split: the data set's own test part has all of its %d rows", n)
		}
		if !s.NoTest {
			p.Test = slices.Sorted(slices.Values(given))
		}
	case !s.NoTest:
		rest, p.Test = hold(rest, class, orUsual(s.Test, usualTest), rng.New(seed, "split/test"))
	}
	switch {
	case s.TestAsValidation:
		p.Test, p.Validation = nil, p.Test
	case !s.NoValidation:
		rest, p.Validation = hold(rest, class, orUsual(s.Validation, usualValidation), rng.New(seed, "split/validation"))
	}
	p.Train = rest
	return p, nil
}

func orUsual(share, usual float64) float64 {
	if share == 0 {
		return usual
	}
	return share
}

// hold draws a share of rows, class by class, and returns what is left and what is held, both in the order of rows.
func hold(rows, class []int, share float64, random rng.Source) (left, held []int) {
	highest := 0
	for _, i := range rows {
		highest = max(highest, class[i])
	}
	size := make([]int, highest+1)
	for _, i := range rows {
		size[class[i]]++
	}
	members := make([][]int, highest+1)
	for c, n := range size {
		members[c] = make([]int, 0, n)
	}
	for _, i := range rows {
		members[class[i]] = append(members[class[i]], i)
	}
	out := make([]bool, len(class))
	for c, count := range quotas(members, share) {
		random.At(uint64(c)).Shuffle(members[c])
		for _, i := range members[c][:count] {
			out[i] = true
		}
	}
	left = make([]int, 0, len(rows))
	for _, i := range rows {
		if out[i] {
			held = append(held, i)
		} else {
			left = append(left, i)
		}
	}
	return left, held
}

// quotas is how many rows of each class to hold: the whole's share rounded to the nearest, spread over classes by largest remainder (ties to
// the larger class, then the first), and one row at least left in every class.
func quotas(members [][]int, share float64) []int {
	total := 0
	quota := make([]int, len(members))
	remainder := make([]float64, len(members))
	order := make([]int, len(members))
	given := 0
	for c, rows := range members {
		total += len(rows)
		exact := float64(share * float64(len(rows)))
		quota[c] = int(exact) // below len(rows), as share is below 1
		remainder[c] = exact - float64(quota[c])
		given += quota[c]
		order[c] = c
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case remainder[a] != remainder[b]:
			if remainder[a] > remainder[b] {
				return -1
			}
			return 1
		default:
			return len(members[b]) - len(members[a])
		}
	})
	want := int(math.Round(share * float64(total)))
	for _, c := range order {
		if given < want && quota[c] < len(members[c])-1 {
			quota[c]++
			given++
		}
	}
	return quota
}

// classes reads the class of every row; all are 0 when the target is no class.
func classes(d Dataset, class []int) error {
	var target *engine.Field
	for _, f := range d.Fields() {
		if f.Use == engine.Target && f.Type.Kind == engine.Index && f.Type.Shape.Size() == 1 {
			target = &f
			break
		}
	}
	if target == nil {
		return nil
	}
	const piece = 4096
	buffer := make([]float64, piece)
	rows := make([]int, 0, piece)
	for from := 0; from < len(class); from += piece {
		rows = rows[:0]
		for i := from; i < min(from+piece, len(class)); i++ {
			rows = append(rows, i)
		}
		if err := d.Read(rows, []engine.Tensor{{Name: target.Name, Shape: engine.Shape{len(rows), 1}, F64: buffer}}); err != nil {
			return err
		}
		for k, i := range rows {
			c := buffer[k]
			if c != math.Trunc(c) || c < 0 || c >= float64(target.Type.Below) {
				return fmt.Errorf("row %d has class %v in field %s; a whole number under %d is wanted", i, c, quote(target.Name), target.Type.Below)
			}
			class[i] = int(c)
		}
	}
	return nil
}
