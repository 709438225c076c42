// Command neon writes the arm64 assembly of package kernel and the declarations of
// its functions. It is run by go generate there, once for each part:
//
//	go run . -part products -out ../neon_products_arm64.s -stubs ../neon_products_arm64.go
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
)

func main() {
	part := flag.String("part", "", "what to write: products or vectors")
	out := flag.String("out", "", "file for the assembly")
	stubs := flag.String("stubs", "", "file for the declarations")
	flag.Parse()
	assembly, declarations, err := generate(*part)
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string]string{*out: assembly, *stubs: declarations} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the text of a part.
func generate(part string) (assembly, declarations string, err error) {
	c := &code{}
	switch part {
	case "products":
		c.tiles()
		c.copies()
		c.limit()
	case "vectors":
		c.elementwise()
		c.bytes()
		c.exponentials()
		c.updates()
		c.sums()
		c.reductions()
	default:
		return "", "", fmt.Errorf("part %q: products or vectors is wanted", part)
	}
	assembly, declarations = c.files(part)
	return assembly, declarations, nil
}
