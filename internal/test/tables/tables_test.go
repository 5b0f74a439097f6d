// Package tables makes sure that what is known of a machine, and the names of a patch, stand in their tables alone.
package tables

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/test/testkit"
)

// guarded are the folders whose code must not know a machine.
var guarded = []string{"buildtree", "cmd", "diffasm", "engine", "internal/elfobj", "kpatch", "ld", "patcher", "planner", "stripper", "wrapper"}

// isTable reports whether a file, by its path, is one of a machine's own.
func isTable(path string) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(name, "x86_64") || strings.HasPrefix(name, "aarch64") ||
		strings.HasPrefix(path, "engine/trace/") && (strings.HasSuffix(name, "_linux_amd64.go") || strings.HasSuffix(name, "_linux_arm64.go"))
}

// numbers are literals that stand for something a table has a name for.
var numbers = map[int64]string{
	0xcc: "a trap: arch.Target.Trap",
	0xe8: "a call",
	0xe9: "a jump: arch.Target.Hook",
	4096: "a page: arch.Target.PageSize",
	504:  "kpatch.HeaderSize",
}

// allowed are the places that define what they name, or pick a table.
var allowed = map[string]string{
	"kpatch/kpatch.go": "504",
	"ld/machine.go":    "arch.X86_64",

	"diffasm/machine/machine.go": "arch.X86_64",
}

// finding is a piece of code that belongs into a table.
type finding struct{ code, why string }

// findings returns what does not belong into a file outside of the tables.
func findings(name string, src any) ([]finding, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var list []finding
	ast.Inspect(file, func(n ast.Node) bool {
		var f finding
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.SelectorExpr:
			f = inSelector(n)
		case *ast.BasicLit:
			f = inLiteral(n)
		}
		if f.code != "" && allowed[name] != f.code {
			list = append(list, f)
		}
		return true
	})
	return list, nil
}

func inSelector(n *ast.SelectorExpr) finding {
	x, ok := n.X.(*ast.Ident)
	if !ok {
		return finding{}
	}
	switch code := x.Name + "." + n.Sel.Name; {
	case strings.HasPrefix(code, "elf.R_X86_64"):
		return finding{code, "a relocation type: arch.RelocKind"}
	case code == "elf.EM_X86_64":
		return finding{code, "a machine: arch.ByMachine"}
	case code == "arch.X86_64":
		return finding{code, "a machine: take it from the file, the patch or the process"}
	}
	return finding{}
}

func inLiteral(n *ast.BasicLit) finding {
	switch n.Kind {
	case token.INT:
		v, err := strconv.ParseInt(n.Value, 0, 64)
		if why, found := numbers[v]; err == nil && found {
			return finding{n.Value, why}
		}
	case token.STRING:
		s, err := strconv.Unquote(n.Value)
		if err == nil && (strings.HasPrefix(s, ".kpatch") || strings.HasPrefix(s, ".kpnew")) {
			return finding{n.Value, "a name: package kpname"}
		}
	}
	return finding{}
}

func TestTables(t *testing.T) {
	root := testkit.Root(t)
	for _, dir := range guarded {
		seen := 0
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil || isTable(name) {
				return err
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			seen++
			list, err := findings(name, src)
			for _, f := range list {
				t.Errorf("%s: %s is %s", name, f.code, f.why)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if seen == 0 {
			t.Errorf("%s: no source", dir)
		}
	}
}

func TestFindings(t *testing.T) {
	tests := []struct {
		name, file, code string
		want             []string
	}{
		{name: "relocation type", code: `x = elf.R_X86_64_PC32`, want: []string{"elf.R_X86_64_PC32"}},
		{name: "relocation type's own type", code: `x = elf.R_X86_64(1)`, want: []string{"elf.R_X86_64"}},
		{name: "machine", code: `x = elf.EM_X86_64`, want: []string{"elf.EM_X86_64"}},
		{name: "picked machine", code: `x = arch.X86_64.PageSize`, want: []string{"arch.X86_64"}},
		{name: "opcodes", code: `x = []byte{0xe9, 0xE8, 0xcc, 0x90}`, want: []string{"0xe9", "0xE8", "0xcc"}},
		{name: "page", code: `x = n &^ (4096 - 1)`, want: []string{"4096"}},
		{name: "header", code: `x = 504`, want: []string{"504"}},
		{name: "header where it is defined", file: "kpatch/kpatch.go", code: `x = 504`},
		{name: "page in that file", file: "kpatch/kpatch.go", code: `x = 4096`, want: []string{"4096"}},
		{name: "section", code: `x = ".kpatch.text"`, want: []string{`".kpatch.text"`}},
		{name: "suffix", code: "x = f + `.kpnew`", want: []string{"`.kpnew`"}},
		{name: "a file in a hint", code: `x = "name a .kpatch file"`},
		{name: "other constants", code: `x = elf.R_AARCH64_NONE + elf.EM_AARCH64 + 4 << 10`},
		{name: "in a comment", code: `// elf.R_X86_64_PC32, 4096`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := findings(tt.file, fmt.Sprintf("package p\n\nfunc f() {\n%s\n}\n", tt.code))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range list {
				got = append(got, f.code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIsTable(t *testing.T) {
	tables := []string{"ld/x86_64.go", "ld/x86_64_tls.go", "engine/trace/regs_linux_amd64.go"}
	for _, path := range append(tables, "ld/reduce.go", "ld/regs_linux_amd64.go", "ld/not_x86_64.go") {
		if got := isTable(path); got != slices.Contains(tables, path) {
			t.Errorf("%s: %v", path, got)
		}
	}
}
