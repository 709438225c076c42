package main

// What is told when something goes wrong, and the exit status: 2 when the command line cannot be read, 128 and the signal's number when a
// signal ended the command, 1 for everything else.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/descent-go/descent/internal/spec"
	"github.com/descent-go/descent/report"
)

// usageError says that the command line cannot be read.
type usageError struct {
	text string
	help string // the command whose help says more
}

func (e *usageError) Error() string {
	if e.help == "" {
		return e.text
	}
	return e.text + "; see " + e.help
}

// toldError is an error that the person has been told already.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// status tells of an error and returns the exit status.
func (p *program) status(err error) int {
	var stop *stopSignal
	var usage *usageError
	var told toldError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &stop):
		return stop.status
	case errors.Is(err, syscall.EPIPE): // nobody reads any more, as the signal SIGPIPE says it
		return 141
	case errors.As(err, &usage):
		p.complain(err)
		return 2
	case !errors.As(err, &told):
		p.complain(err)
	}
	return 1
}

// complain writes an error to standard error, cleaned of what a terminal would obey.
func (p *program) complain(err error) {
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	if len(lines) == 1 {
		fmt.Fprintln(p.stderr, "descent: "+lines[0])
		return
	}
	fmt.Fprintf(p.stderr, "descent: %d mistakes:\n  %s\n", len(lines), strings.Join(lines, "\n  "))
}

// flagError puts what is wrong with a flag into our words.
func flagError(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	help := c.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(c, unknown, help)
	case errors.As(err, &invalid):
		return &usageError{fmt.Sprintf("--%s: found %s, %v", invalid.GetFlag().Name, strconv.Quote(invalid.GetValue()), invalid.Unwrap()), help}
	case errors.As(err, &bare):
		return &usageError{fmt.Sprintf("--%s wants a value", bare.GetFlag().Name), help}
	}
	return &usageError{err.Error(), help}
}

func unknownFlag(c *cobra.Command, e *pflag.NotExistError, help string) error {
	name := e.GetSpecifiedName()
	if short := e.GetSpecifiedShortnames(); short != "" {
		return &usageError{fmt.Sprintf("unknown flag -%s; flags have two dashes", name), help}
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	text := "unknown flag " + strconv.Quote("--"+name)
	if near := spec.Nearest(name, known); near != "" {
		text += fmt.Sprintf("; did you mean --%s?", near)
		return &usageError{text, ""}
	}
	return &usageError{text, help}
}

func unknownVerb(name string) error {
	text := "unknown verb " + strconv.Quote(name)
	if near := spec.Nearest(name, verbs); near != "" {
		return &usageError{fmt.Sprintf("%s; did you mean descent %s?", text, near), ""}
	}
	return &usageError{fmt.Sprintf("%s; there are %s", text, strings.Join(verbs, ", ")), ""}
}

// arguments checks the number of arguments. The names are those of the usage line; least of them must be given.
func arguments(least int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		help := c.CommandPath() + " --help"
		switch {
		case len(args) < least:
			return &usageError{fmt.Sprintf("%s is missing: %s", names[len(args)], c.UseLine()), help}
		case len(args) > len(names):
			return &usageError{fmt.Sprintf("too many arguments, first %s: %s", strconv.Quote(args[len(names)]), c.UseLine()), help}
		}
		return nil
	}
}
