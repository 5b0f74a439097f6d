package fault

import (
	"regexp"
	"strings"
	"testing"
)

// What is made of the register needs codes of one form, each once, and paragraphs of whole sentences.
func TestRegister(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[Code]bool{}
	for _, r := range Reasons() {
		switch {
		case !kebab.MatchString(string(r.Code)):
			t.Errorf("%q is not in kebab-case", r.Code)
		case seen[r.Code]:
			t.Errorf("%s stands twice", r.Code)
		case !strings.HasSuffix(r.Paragraph, "."), strings.TrimSpace(r.Paragraph) != r.Paragraph, strings.Count(r.Paragraph, "`")%2 != 0:
			t.Errorf("%s: paragraph %q", r.Code, r.Paragraph)
		case strings.HasSuffix(r.Vouch, "."), strings.HasSuffix(r.Hint, "."):
			t.Errorf("%s: a final stop in %q or %q", r.Code, r.Vouch, r.Hint)
		}
		seen[r.Code] = true
	}
	if len(seen) == 0 {
		t.Fatal("the register is empty")
	}
}

func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		name        string
		code        Code
		stage       string // "" if there is no such code
		overridable bool
	}{
		{"overridable", "struct-layout", "what changed", true},
		{"not overridable", "data-size", "what changed", false},
		{"first of the register", "patch-empty", "reading source patches", false},
		{"last of the register", "zombie", "processes", false},
		{"overridden by carectl alone", "busy-coroutine", "processes", false},
		{"unknown", "struct", "", false},
		{"none", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, known := Lookup(tt.code)
			if r.Stage != tt.stage || known != (tt.stage != "") || known && r.Code != tt.code {
				t.Errorf("got %+v, %v", r, known)
			}
			if got := Overridable(tt.code); got != tt.overridable {
				t.Errorf("overridable: %v", got)
			}
		})
	}
}

func TestRefuseHint(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  *Error
		want string
	}{
		{"the code's own", Refuse("asm-macro", "", "macro"), leaveOut},
		{"one of the place", Refuse("asm-macro", "", "macro").WithHint("write %s", "it out"), "write it out"},
		{"a code without one", Refuse("data-size", "", "size"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err.Hint != tt.want || tt.err.Kind != Refused {
				t.Errorf("got %+v", tt.err)
			}
		})
	}
}
