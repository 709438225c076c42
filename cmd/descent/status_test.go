package main

import (
	"strings"
	"testing"
)

func TestStatuses(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	must(t, dir, "train", "digits", "--epochs", "1", "--out", "run", "--quiet")
	for _, c := range []struct {
		line   string
		status int
		says   string // in the error
	}{
		// What cannot be read.
		{"trian digits", 2, "did you mean descent train?"},
		{"foo", 2, `unknown verb "foo"`},
		{"train", 2, "DATA is missing"},
		{"train digits more", 2, "train takes one DATA"},
		{"train digits --optimzer sgd", 2, "did you mean --optimizer?"},
		{"train digits --zzzzzz", 2, "unknown flag"},
		{"train digits --epochs", 2, "--epochs wants a value"},
		{"train digits --epochs abc", 2, `found "abc", wanted a whole number`},
		{"train digits --epochs 1.5", 2, "wanted a whole number"},
		{"train digits --lr abc", 2, "wanted a number"},
		{"train digits --beta2 abc", 2, "wanted a number"},
		{"train digits --time xyz", 2, "wanted a time"},
		{"train digits --batch abc", 2, "wanted full or a whole number"},
		{"train digits --until abc", 2, "wanted a metric and a value"},
		{"train digits --until accuracy=much", 2, "wanted a metric and a value"},
		{"train digits --nesterov=perhaps", 2, "wanted true or false"},
		{"train digits --seeds many", 2, "wanted a whole number"},
		{"train digits -e 3", 2, "two dashes"},
		{"resume", 2, "RUN is missing"},
		{"resume run --epochs abc", 2, "wanted a whole number"},
		{"eval", 2, "RUN|MODEL is missing"},
		{"eval run digits more", 2, "too many arguments"},
		{"predict run", 2, "FILE is missing"},
		{"show", 2, "RUN|MODEL is missing"},
		{"version --jsn", 2, "did you mean --json?"},
		{"completion", 2, "SHELL is missing"},
		{"--jsn", 2, "unknown flag"},
		// What can be read and is wrong.
		{"train digts", 1, `did you mean "digits"?`},
		{"train digits --epochs -1", 1, "--epochs: found -1, wanted a whole number >= 0"},
		{"train digits --epochs 99999999999999999999", 1, "--epochs"},
		{"train digits --lr -1", 1, "--lr: learning rate -1"},
		{"train digits --lr 0", 1, "--lr: learning rate 0"},
		{"train digits --lr inf", 1, "--lr: found inf"},
		{"train digits --lr NaN", 1, "--lr: found NaN"},
		{"train digits --beta2 1.5", 1, "--beta2: found 1.5, wanted a number in [0, 1)"},
		{"train digits --batch 0", 1, "--batch: found 0"},
		{"train digits --seed -1", 1, "--seed: found -1"},
		{"train digits --seeds 0", 1, "--seeds: found 0"},
		{"train digits --seeds 2 --seed 18446744073709551615", 1, "--seed"},
		{"train digits --test 1.5", 1, "test"},
		{"train digits --optimizer adm", 1, `did you mean "adam"?`},
		{"train digits --optimizer sgd --beta2 0.9", 1, "sgd has the keys: lr, "},
		{"train digits --schedule cosin", 1, `--schedule: unknown schedule "cosin"; did you mean "cosine"?`},
		{"train digits --model dens(3)", 1, `did you mean "dense"?`},
		{"train digits --model dense(3)", 1, "there are 10 classes"},
		{"train digits --loss mean_square", 1, `did you mean "mean_squares"?`},
		{"train digits --precision float16", 1, "float32, bfloat16 and float64"},
		{"train digits --kernels fast", 1, "portable"},
		{"train digits --threads 5000", 1, "threads"},
		{"train digits --from nowhere", 1, "nowhere"},
		{"train digits --config none.yaml", 1, `there is no file "none.yaml"`},
		{"train digits --config mistakes.yaml", 1, "5 mistakes"},
		{"train digits --out run", 1, "descent resume run"},
		{"train digits --seeds 2 --out run", 1, "exists"},
		{"train digits --config first.yaml --optimizer adamw(lr=cosine(0.1)) --lr 0.1", 1, "the rate is a schedule"},
		{"resume rum", 1, `there is no run "rum"`},
		{"resume run", 1, "--epochs 2"},
		{"eval run --part tset", 1, `did you mean "test"?`},
		{"predict run none.csv", 1, `no file "none.csv"`},
		{"show none", 1, `"none"`},
		{"completion tcsh", 1, "powershell"},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			r := invoke(t, dir, strings.Fields(c.line)...)
			if r.status != c.status || !strings.Contains(r.stderr, c.says) {
				t.Errorf("status %d, wanted %d; the error lacks %q:\n%s", r.status, c.status, c.says, r.stderr)
			}
			if r.stdout != "" || strings.Count(r.stderr, "descent: ") != 1 || !strings.HasPrefix(r.stderr, "descent: ") {
				t.Errorf("wanted one message on standard error and nothing on standard output:\n%s\n%s", r.stderr, r.stdout)
			}
		})
	}
}

// Names from outside must not drive a terminal.
func TestMessagesAreClean(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/evil.csv", "a,b\x1b[31m,\x1b]0;x\x07\n1,2,c\n2,word\x1b[2J,d\n")
	write(t, dir+"/evil.yaml", "\"mod\\x1b[31ml\": 1\n")
	for _, args := range [][]string{
		{"train", "evil\x1b[31m.csv"}, {"train", "evil.csv"}, {"train", "digits", "--config", "evil.yaml"}, {"train", "digits", "--\x1b[31m"},
		{"\x1b[31m"}, {"show", "\x1b[31m"}, {"train", "digits", "--optimizer", "\x1b[31m"}, {"train", "digits", "--from", "\x1b[31m"},
	} {
		r := invoke(t, dir, args...)
		if r.status == 0 || strings.ContainsAny(r.stderr+r.stdout, "\x1b\x07") {
			t.Errorf("%q: status %d, told with escapes: %q", args, r.status, r.stderr+r.stdout)
		}
	}
}
