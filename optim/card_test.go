package optim_test

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/optim"
	"github.com/descent-go/descent/optim/optimtest"
)

func cardOf(t *testing.T, name string) optim.Card {
	t.Helper()
	for _, c := range optim.Cards() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no card %s", name)
	return optim.Card{}
}

func TestCardsAreComplete(t *testing.T) {
	var names []string
	for _, c := range optim.Cards() {
		if !slices.Contains(listed, c.Name) {
			continue // of another test
		}
		names = append(names, c.Name)
		if len(c.Tunable) == 0 || c.Tunable[0] != "lr" || len(c.Strengths) == 0 || len(c.Weaknesses) == 0 || c.Formula == "" || c.Source == "" || c.Help == "" {
			t.Errorf("%s: a card wants everything: %+v", c.Name, c)
		}
		for _, key := range c.Tunable {
			if _, err := optim.Parse(c.Name + "(" + key + "=0.5)"); err != nil {
				t.Errorf("%s: %s is not a key of it: %v", c.Name, key, err)
			}
		}
		for _, line := range slices.Concat(c.Strengths, c.Weaknesses) {
			if len(line) > 100 || strings.HasSuffix(line, ".") {
				t.Errorf("%s: %q: a short line is wanted", c.Name, line)
			}
		}
	}
	if !slices.Equal(names, listed) {
		t.Errorf("cards %v, the list %v", names, listed)
	}
}

// Every rule says how PyTorch, Keras and Optax have it, and the settings that it names for their forms are its own and change it.
func TestCardsTellWhereOthersDiffer(t *testing.T) {
	setting := regexp.MustCompile(`(?:([a-z]+)\()?([a-z_]+=[a-z0-9.]+)`)
	for _, name := range listed {
		c := cardOf(t, name)
		all := "" // without the line that most rules share
		for _, line := range c.Differs {
			if !strings.HasPrefix(line, "weight decay: ") {
				all += line + "\n"
			}
		}
		for _, who := range []string{"PyTorch", "Keras", "Optax"} {
			if !strings.Contains(all, who) {
				t.Errorf("%s: no word of %s", name, who)
			}
		}
		for _, line := range c.Differs {
			topic, how, found := strings.Cut(line, ": ")
			if !found || topic == "" || len(topic) > 30 || how == "" || len(line) > 170 || strings.HasSuffix(line, ".") {
				t.Errorf("%s: %q: a short line such as \"Keras: epsilon 1e-7\" is wanted", name, line)
			}
			for _, m := range setting.FindAllStringSubmatch(line, -1) {
				of := cmp.Or(m[1], name)
				given := m[2]
				if given == "folded=true" {
					given += ", mu=0.9" // no velocity otherwise
				}
				o, err := optim.Parse(of + "(" + given + ")")
				if err != nil {
					t.Errorf("%s: %q: %v", name, line, err)
				} else if o.Rule == c.Default.Rule && o.Decay == c.Default.Decay {
					t.Errorf("%s: %q: %s is the default", name, line, m[2])
				}
			}
		}
	}
}

// State by facts: 4 bytes a number.
func TestCardsKnowTheState(t *testing.T) {
	params := []engine.Param{
		{Path: "a", Shape: engine.Shape{30, 10}}, {Path: "b", Shape: engine.Shape{10}, Role: engine.Bias},
		{Path: "c", Shape: engine.Shape{90}, Frozen: true},
	}
	for name, perWeight := range map[string]float64{
		"sgd": 0, "momentum": 4, "nesterov": 4, "adagrad": 4, "adadelta": 8, "rmsprop": 4, "adam": 8, "adamw": 8, "amsgrad": 12, "lars": 4,
	} {
		if c := cardOf(t, name); c.PerWeight != perWeight {
			t.Errorf("%s: %v bytes a weight, %v are wanted", name, c.PerWeight, perWeight)
		}
	}
	for _, c := range optim.Cards(params...) {
		if slices.Contains(listed, c.Name) && float64(c.Bytes) != 310*c.PerWeight {
			t.Errorf("%s: %d bytes for 310 weights with %v each", c.Name, c.Bytes, c.PerWeight)
		}
	}
	for text, perWeight := range map[string]int64{"rmsprop(mu=0.9)": 8, "rmsprop(centered=true)": 8, "rmsprop(centered=true, mu=0.9)": 12, "sgd(groups=[{roles=[bias], rule=adam}])": 0} {
		o, err := optim.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, precision := range []engine.Precision{engine.Float32, engine.Float64} {
			w, err := optimtest.Weights(precision, params...)
			if err != nil {
				t.Fatal(err)
			}
			s, err := o.Bind(w, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := o.StateBytes(precision, w.Params()...)
			if got != s.Bytes() {
				t.Errorf("%s, %v: %d bytes, bound %d", text, precision, got, s.Bytes())
			}
			want := 310 * perWeight
			if perWeight == 0 {
				want = 10 * 8 // Adam's for the bias
			}
			if precision == engine.Float64 {
				want *= 2
			}
			if got != want {
				t.Errorf("%s, %v: %d bytes, %d are wanted", text, precision, got, want)
			}
		}
	}
}

// Every optimizer of the survey's Figure 2 has its row; where its numbers differ from ours, a correction says why, and a correction is of
// something that the row says.
func TestSurveyRows(t *testing.T) {
	rows := map[string]string{
		"sgd": "SGD", "momentum": "SGD with Momentum", "adagrad": "AdaGrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW", "lars": "LARS",
	}
	for _, c := range optim.Cards() {
		s := c.Survey
		if s.Name != rows[c.Name] {
			t.Errorf("%s: the survey's row is %q, %q is wanted", c.Name, s.Name, rows[c.Name])
		}
		if s.Name == "" {
			continue
		}
		says := slices.Concat([]string{s.State, strconv.Itoa(s.Tunable)}, s.Strengths, s.Weaknesses)
		corrected := map[string]bool{}
		for _, x := range s.Corrections {
			corrected[x.Says] = true
			if !slices.Contains(says, x.Says) || x.Holds == "" {
				t.Errorf("%s: correction %+v of nothing that the survey says", c.Name, x)
			}
		}
		if differs := s.Tunable != len(c.Tunable); differs != corrected[strconv.Itoa(s.Tunable)] {
			t.Errorf("%s: %d tunable values in the survey, %d here, corrected: %v", c.Name, s.Tunable, len(c.Tunable), !differs)
		}
		bytes := map[string]float64{"0": 0, "4n": 4, "~4n": 4, "~8n": 8}
		if want, ok := bytes[s.State]; !ok || (want != c.PerWeight) != corrected[s.State] {
			t.Errorf("%s: state %s in the survey, %v here", c.Name, s.State, c.PerWeight)
		}
	}
}
