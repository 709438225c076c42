package engine

import (
	"fmt"
	"os"
	"strings"

	"github.com/descent-go/descent/internal/kernel"
)

// kernelSet is the name of the kernel set to use: the one asked for, else what DESCENT_CPU says, else the best that this machine runs. This
// is the one place that reads DESCENT_CPU.
func kernelSet(asked string) (string, error) {
	from := "kernel set"
	if asked == "" {
		asked, from = os.Getenv("DESCENT_CPU"), "DESCENT_CPU"
	}
	names := kernel.Names()
	if asked == "" {
		return names[0], nil
	}
	for _, name := range names {
		if name == asked {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s %q: this machine runs %s", from, asked, strings.Join(names, ", "))
}

// Kernels is the kernel set that plans on this machine use unless Options.Kernels names another.
func Kernels() (string, error) { return kernelSet("") }
