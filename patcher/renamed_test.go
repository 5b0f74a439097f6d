package patcher

import (
	"testing"

	"gocare/internal/layout"
	"gocare/internal/srcpatch"
)

func TestRenamedMember(t *testing.T) {
	const head = "struct s { int was; };\n"
	for _, tt := range []struct {
		name, before, after string
		want                bool
	}{
		{"every use", head + "p->was += x;\ns.was = 1;\n", "struct s { int is; };\np->is += x;\ns.is = 1;\n", true},
		{"its declaration alone", head, "struct s { int is; };\n", true},
		{"with a type of its own", head + "p->was++;\n", "struct s { unsigned is; };\np->is++;\n", true},
		{"a line with more in it", head + "p->was += x;\n", "struct s { int is; };\nif (p->is < 9)\n\tp->is += 2 * x;\n", true},
		{"a new use beside", head + "x = p->was;\n", "struct s { int is; };\nx = p->is;\ny = p->is;\n", true},
		{"used otherwise", head + "p->was++;\n", "struct s { int is; };\nif (p->is < now)\n\treturn;\n", false},
		{"used by something else", head + "p->was++;\n", "struct s { int is; };\nq->is++;\n", false},
		{"a use that is gone", head + "p->was++;\np->was++;\n", "struct s { int is; };\np->is++;\n", false},
		{"not used before", head, "struct s { int is; };\np->is++;\n", false},
		{"in a comment", head + "p->was++;\n", "struct s { int is; };\n/* p->is++; */\n", false},
		{"in a literal", head + "p->was++;\n", "struct s { int is; };\nputs(\"p->is++;\");\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := srcpatch.FileChange{Old: "a.c", New: "a.c", Before: []byte(tt.before), After: []byte(tt.after)}
			s := &sources{changes: []srcpatch.FileChange{c}}
			if got := s.renamed(layout.Rename{Old: "was", New: "is"}); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
