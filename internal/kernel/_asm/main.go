// Command asm writes the assembly of package kernel. It is run by go generate
// there, once for each instruction set and part:
//
//	go run . -set avx512 -part products -pkg kernel -out ../avx512_products_amd64.s -stubs ../avx512_products_amd64.go
package main

import (
	"flag"
	"fmt"
	"log"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	set := flag.String("set", "", "instruction set: avx512 or avx2")
	part := flag.String("part", "", "what to write: products, vectors, bytes or bf16")
	flag.Parse()
	sets := map[string]*target{avx512.name: avx512, avx2.name: avx2}
	t := sets[*set]
	if t == nil {
		log.Fatalf("set %q: avx512 or avx2 is wanted", *set)
	}
	ConstraintExpr("amd64")
	switch *part {
	case "products":
		t.tiles()
		t.copies()
		t.dots()
		t.epilogues()
		t.limit()
	case "vectors":
		t.elementwise()
		t.exponentials()
		t.updates()
		t.reductions()
		t.squares()
		t.within()
	case "merged":
		t.merged()
	case "bytes":
		t.bytesToNumbers()
		t.divide()
		t.standardize()
		t.prefetch()
	case "bf16":
		t.bfloat16()
	default:
		log.Fatalf("part %q: products, vectors, bytes or bf16 is wanted", *part)
	}
	Generate()
}

func hex(v uint32) string { return fmt.Sprintf("%08x", v) }
