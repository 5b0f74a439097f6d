package lazyregexp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestNew(t *testing.T) {
	r := New(`(b+)`)
	if got := r.ReplaceAllString("abbc", "<$1>"); got != "a<bb>c" || r.MatchString("x") {
		t.Errorf("%q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(`(`).MatchString("")
}

// TestAllCompile compiles every expression in the source: a wrong one shows at its first use, which may be a rare one.
func TestAllCompile(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if expr, ok := argument(n); ok {
				found++
				if _, err := regexp.Compile(text(f, expr)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found < 50 {
		t.Errorf("%d expressions, %v", found, err)
	}
}

// argument returns what a call of New is given.
func argument(n ast.Node) (ast.Expr, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return nil, false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "New" {
		return nil, false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return call.Args[0], ok && pkg.Name == "lazyregexp"
}

// text returns the text of a constant expression; a constant in it is of the same file.
func text(f *ast.File, e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return text(f, e.X) + text(f, e.Y)
	case *ast.Ident:
		for _, decl := range f.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					if v := s.(*ast.ValueSpec); v.Names[0].Name == e.Name {
						return text(f, v.Values[0])
					}
				}
			}
		}
	}
	return "(" // which no test compiles
}
