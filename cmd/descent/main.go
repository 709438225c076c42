// Command descent trains deep neural networks, shows what came of it, and answers with the trained model. It is thin: a file a verb, and
// the rooms of the module do the work.
package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by -ldflags "-X main.version=v1.2.3"; see release.
var version string

func main() {
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.execute(os.Args[1:]))
}

// program is one call of the command: where it reads and writes, and the signals that it gets.
type program struct {
	stdin, stdout, stderr *os.File
	signals               *signals
}

// execute runs one command line and returns the exit status.
func (p *program) execute(args []string) int {
	p.signals = watchSignals(p.stderr)
	if slices.Equal(args, []string{"--version"}) { // what people try first
		args = []string{"version"}
	}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := knownVerb(root, args)
	if err == nil {
		err = root.ExecuteContext(p.signals.context)
	}
	return p.status(err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "descent",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.print(overview(p.width()))
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		if c == root {
			p.print(overview(p.width()))
			return
		}
		p.print(helpText(c, p.width()))
	})
	for _, c := range []*cobra.Command{p.train(), p.resume(), p.eval(), p.predict(), p.show(), p.data(), p.versionOf(), p.completion(root), p.surface(), p.optimizers(), p.runs(), p.schema(), p.initialize(), p.bench()} {
		c.DisableFlagsInUseLine = true
		c.Flags().BoolP("help", "h", false, "this text")
		c.Flags().SortFlags = false
		root.AddCommand(c)
	}
	root.SetHelpCommand(p.help(root))
	return root
}

// knownVerb refuses an unknown verb before its flags are looked at: they are not the mistake.
func knownVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "__complete") {
		return nil
	}
	if !slices.Contains(verbs, args[0]) {
		return unknownVerb(args[0])
	}
	return nil
}
