//go:build ignore

// Prints the kernel sets that this machine runs beside the one that it takes by itself, one a line.
package main

import (
	"fmt"

	"github.com/descent-go/descent/internal/kernel"
)

func main() {
	for _, name := range kernel.Names()[1:] {
		fmt.Println(name)
	}
}
