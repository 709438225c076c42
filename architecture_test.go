package descent_test

// ARCHITECTURE.md names files and functions. This test keeps it true: in backticks, `file.go` must be a file, `folder/` a folder, and
// `file.go:Name` or `file.go:Type.Method` something that the file declares. Every room must be in its table.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	inBackticks = regexp.MustCompile("`([^`\n]+)`")
	namesCode   = regexp.MustCompile(`^([\w./-]+\.go)(?::([\w.]+))?$`)
	namesFolder = regexp.MustCompile(`^[\w./-]+/$`)
)

func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]map[string]bool{} // by file
	named := map[string]bool{}
	functions := 0
	for i, line := range strings.Split(string(text), "\n") {
		for _, m := range inBackticks.FindAllStringSubmatch(line, -1) {
			named[m[1]] = true
			code := namesCode.FindStringSubmatch(m[1])
			switch {
			case code != nil:
				file, name := code[1], code[2]
				if declared[file] == nil {
					if declared[file], err = declarations(file); err != nil {
						t.Errorf("ARCHITECTURE.md:%d: `%s`: %v", i+1, m[1], err)
						declared[file] = map[string]bool{name: true} // said once
					}
				}
				if name != "" {
					functions++
					if !declared[file][name] {
						t.Errorf("ARCHITECTURE.md:%d: %s declares no %s: name what does its work now", i+1, file, name)
					}
				}
			case namesFolder.MatchString(m[1]):
				if info, err := os.Stat(filepath.FromSlash(m[1])); err != nil || !info.IsDir() {
					t.Errorf("ARCHITECTURE.md:%d: there is no folder %s", i+1, m[1])
				}
			}
		}
	}
	if functions < 50 {
		t.Errorf("ARCHITECTURE.md names %d functions; the path of a training step has more: nothing much was checked", functions)
	}
	for name := range readRooms(t) {
		if name != "descent" && !named[name+"/"] {
			t.Errorf("ARCHITECTURE.md does not name the room `%s/`", name)
		}
	}
}

// declarations are the names that a file declares at its top level; a method's is Type.Method.
func declarations(file string) (map[string]bool, error) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			names[name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	return names, nil
}

// receiver is the name of a method's type, without pointer and type parameters.
func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
