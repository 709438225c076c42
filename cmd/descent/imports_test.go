package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Who imports the library must not get the program's libraries.
func TestLibrariesOfTheProgramStayHere(t *testing.T) {
	rooms := []string{".", "engine", "nn", "prep", "optim", "data", "metric", "run", "train", "report"}
	args := []string{"list", "-deps"}
	for _, room := range rooms {
		args = append(args, "github.com/descent-go/descent/"+room)
	}
	args[2] = "github.com/descent-go/descent"
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		for _, ours := range []string{"spf13", "goccy", "asciigraph", "cmd/descent/yamltree"} {
			if strings.Contains(dep, ours) {
				t.Errorf("the library depends on %s", dep)
			}
		}
	}
}
