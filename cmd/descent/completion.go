package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/train"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

// completion is the verb that writes a shell's script for completion by Tab.
func (p *program) completion(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "completion of commands by Tab",
		Long:  "Writes the script by which a shell completes verbs, flags and runs: " + strings.Join(shells, ", ") + ".",
		Example: `
  source <(descent completion bash)
  descent completion zsh > "${fpath[1]}/_descent"
  descent completion fish > ~/.config/fish/completions/descent.fish
  descent completion powershell | Out-String | Invoke-Expression`,
		Args:      arguments(1, "SHELL"),
		ValidArgs: shells,
		RunE: func(_ *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			case "fish":
				return root.GenFishCompletion(p.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(p.stdout)
			}
			return unknownName("SHELL", args[0], shells)
		},
	}
}

// completeSettings completes the names that the flags of train take.
func completeSettings(c *cobra.Command) {
	set := train.Registries()
	for flag, kind := range map[string]string{"optimizer": "optimizer", "schedule": "schedule", "model": "layer", "loss": "loss"} {
		if r, ok := set.Registry(kind); ok {
			c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(r.Names(), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	for flag, words := range map[string][]string{
		"precision": {"float32", "float64"}, "task": {"classification", "regression"}, "scaling": {"none", "standardize", "range", "minmax"},
	} {
		c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"digits"}, cobra.ShellCompDirectiveDefault
	}
}
