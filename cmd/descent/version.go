package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descent-go/descent/engine"
	"github.com/descent-go/descent/internal/kernel"
	"github.com/descent-go/descent/train"
)

// release is the program's version: set by the linker, else the module's, else devel.
func release() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// commit is the revision that the program was built from, with a + where files were changed; "" where it is not known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return revision + changed
}

// versionOf is the verb that says what program this is, and what it computes on.
func (p *program) versionOf() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version [flags]",
		Short: "version, processor, kernels",
		Long:  "Says which version this is, and which kernels this machine runs: what a report of a problem should begin with.",
		Example: `
  descent version
  descent version --json`,
		Args: arguments(0),
	}
	toggle(c, &asJSON, groupOutput, "json", "one JSON object")
	c.RunE = func(*cobra.Command, []string) error {
		kernels, err := engine.Kernels()
		if err != nil {
			return err
		}
		if asJSON {
			return p.printJSON(map[string]any{"version": release(), "commit": commit(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
				"cpu": train.CPU(), "cores": runtime.NumCPU(), "kernels": kernels, "kernels_available": kernel.Names()})
		}
		var b strings.Builder
		b.WriteString("descent " + release() + "\n")
		line := func(label, value string) {
			if value != "" {
				fmt.Fprintf(&b, "  %-11s%s\n", label, value)
			}
		}
		line("commit", commit())
		line("go", runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH)
		line("processor", fmt.Sprintf("%s, %d cores", train.CPU(), runtime.NumCPU()))
		line("kernels", kernels+" (available: "+strings.Join(kernel.Names(), ", ")+")")
		return p.print(b.String())
	}
	return c
}
