package main

// A story a verb, as a transcript: the command after "$ ", its status in brackets, lines of standard output after "> ", of standard error
// after "! ". What differs from one time or machine to the next is masked. go test ./cmd/descent -run Transcripts -update writes them anew.

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write transcripts anew")

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyFiles(t, dir)
			want := string(read(t, file))
			var got strings.Builder
			for line := range strings.Lines(want) {
				line = strings.TrimSuffix(line, "\n")
				switch {
				case strings.HasPrefix(line, "$ descent"):
					fmt.Fprintf(&got, "%s\n%s", line, told(replay(t, dir, strings.TrimPrefix(line, "$ descent")), dir))
				case line == "" || strings.HasPrefix(line, "#"):
					got.WriteString(line + "\n")
				}
			}
			if *update {
				write(t, file, got.String())
				return
			}
			if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got.String(), "\n")); d != "" {
				t.Errorf("%s (-want +got):\n%s", file, d)
			}
		})
	}
}

// replay runs a command line; "< FILE" at its end is standard input.
func replay(t *testing.T, dir, line string) result {
	t.Helper()
	line, input, hasInput := strings.Cut(line, " < ")
	c := call(t, dir, words(line)...)
	if hasInput {
		c.Stdin = bytes.NewReader(read(t, dir, strings.TrimSpace(input)))
	}
	return ended(t, c)
}

// words splits a line at blanks outside of quotes.
func words(line string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
		list = append(list, strings.Trim(m, `"`))
	}
	return list
}

var masks = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\([\d.]+ ?[kMG]? samples/s\)`), "(RATE samples/s)"},
	{regexp.MustCompile(`[\d.]+ k?B of memory`), "SIZE of memory"},
	{regexp.MustCompile(`( [\d.]+ [kMG]| -| +\d+) +\d+:\d\d(  best)?$`), " RATE TIME$2"},
	{regexp.MustCompile(` +\d+:\d\d(  best)?$`), " TIME$1"},
	{regexp.MustCompile(`\b[\d.]+ m?s\b`), "N s"},
	{regexp.MustCompile(`"(time/seconds|seconds|samples_per_second|time/samples_per_second)":[\d.e+-]+`), `"$1":N`},
	{regexp.MustCompile(`"time":"[^"]*"`), `"time":"T"`},
	{regexp.MustCompile(`(\d\.\d{3})\d{2,}`), "$1..."},                                         // the last digits change with the order of a sum
	{regexp.MustCompile(`( known: |the keys: |otherwise give |there are train, ).*`), "$1..."}, // lists that grow
	{regexp.MustCompile(`(?m)^  (processor|go|kernels)( +).*$`), "  $1$2..."},
}

// told is a result in the form of a transcript.
func told(r result, dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%d]\n", r.status)
	for _, part := range []struct{ mark, text string }{{">", r.stdout}, {"!", r.stderr}} {
		text := part.text
		for _, name := range []string{dir, realPath(dir)} {
			text = strings.ReplaceAll(text, name, "DIR")
		}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "  commit ") {
				continue // there or not, as go test stamps its binary (-buildvcs)
			}
			for _, m := range masks {
				line = m.pattern.ReplaceAllString(line, m.by)
			}
			b.WriteString(strings.TrimRight(part.mark+" "+line, " ") + "\n")
		}
	}
	return b.String()
}

// realPath is a folder's path without links, as the program finds it.
func realPath(dir string) string {
	if path, err := filepath.EvalSymlinks(dir); err == nil {
		return path
	}
	return dir
}

func TestHelpFitsItsWidth(t *testing.T) {
	for _, verb := range verbs {
		if verb == "help" {
			continue
		}
		r := must(t, t.TempDir(), verb, "--help")
		other := must(t, t.TempDir(), "help", verb)
		if r.stdout != other.stdout || r.stderr != "" {
			t.Errorf("%s --help and help %s differ", verb, verb)
		}
		for _, part := range []string{"\nUsage\n  descent " + verb, "\nExamples\n  ", "\nFlags\n", "--help "} {
			if part == "\nFlags\n" && (verb == "train" || verb == "resume") {
				continue // their flags are in groups
			}
			if !strings.Contains(r.stdout, part) {
				t.Errorf("help of %s lacks %q", verb, part)
			}
		}
		for line := range strings.Lines(r.stdout) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 80 && !strings.Contains(line, "descent ") {
				t.Errorf("help of %s: line of %d characters: %s", verb, len(line), line)
			}
		}
	}
	if r := must(t, t.TempDir()); !strings.Contains(r.stdout, "descent train digits") {
		t.Errorf("descent alone says %s", r.stdout)
	}
}
