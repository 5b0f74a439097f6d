package diffasm

import (
	"strings"
	"testing"
)

// TestStale: what only the original has goes on with what it knows of its callees.
func TestStale(t *testing.T) {
	h := func(body string) string { return asmText("h", body) }
	const more, fewer = "\tmovl\t%esi, %eax\n\tmovl\t$1, %r9d", "\tmovl\t%esi, %eax"
	for _, tt := range []struct {
		name     string
		old      string // bodies of f
		next     string
		orig     string // besides f
		patched  string
		detached bool
		want     string
	}{
		{"another register", "", more, h("\tcall\tf"), "", false, "h: f overwrites registers that it left alone before"},
		{"none", "", fewer, h("\tcall\tf"), "", false, ""},
		{"it was overwritten before", "\tmovl\t$2, %r9d", more, h("\tcall\tf"), "", false, ""},
		{"behind a call of what is unknown", "\tcall\tputs", more, h("\tcall\tf"), "", false, ""},
		{"not called", "", more, h("\tcall\tputs"), "", false, ""},
		{"a jump does not come back", "", more, h("\tjmp\tf"), "", false, ""},
		{"to both versions", "", more, h("\tcall\tf"), h("\tcall\tf"), false, ""},
		{"without a hook", "", more, h("\tcall\tf"), "", true, ""},
		{"through a function that is gone", "", more, h("\tcall\tk") + asmText("k", "\tjmp\tf"), "", false, "h: k overwrites registers that it left alone before"},
		{"through one that is as it was", "", more, h("\tcall\tk") + asmText("k", "\tjmp\tf"), asmText("k", "\tjmp\tf"), false, "h: k overwrites registers that it left alone before"},
		{"through one that overwrites it", "", more, h("\tcall\tk") + asmText("k", "\tmovl\t$3, %r9d\n\tjmp\tf"), "", false, ""},
		{"through two, of which one overwrites it", "", more, h("\tcall\tk") + asmText("k", "\tcall\tl\n\tjmp\tm") + asmText("l", "\tmovl\t$3, %r9d\n\tjmp\tf") + asmText("m", "\tjmp\tf"), "", false, ""},
		{"those that call each other", "", more, h("\tcall\tk") + asmText("k", "\tcall\tl") + asmText("l", "\tcall\tf\n\tcall\tk"), "", false, "h: k overwrites registers that it left alone before; k: l overwrites registers that it left alone before; l: f overwrites registers that it left alone before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const seen = "\t.globl\tf\n" // so that the compiler does not know all callers
			s := selectionOf(t, seen+asmText("f", "\tmovl\t%edi, %eax\n"+tt.old)+tt.orig, seen+asmText("f", tt.next)+tt.patched)
			var got []string
			for _, f := range s.Stale(func(orig string) bool { return orig == "f" && !tt.detached }) {
				got = append(got, f.Name+": "+f.Callee+" "+f.Why)
			}
			if got := strings.Join(got, "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestStaleClone: a clone that both versions have may take other parameters in the new one.
func TestStaleClone(t *testing.T) {
	const clone = "f.constprop.0"
	g := asmText("g", "\tcall\t"+clone)
	s := selectionOf(t, asmText(clone, "\tmovl\t%edi, %eax")+g+asmText("h", "\tcall\t"+clone), asmText(clone, "\tmovl\t%esi, %eax")+g)
	list := s.Stale(func(string) bool { return true })
	if len(list) != 1 || list[0].Name != "h" || list[0].Why != "may take other parameters" {
		t.Errorf("got %v", list)
	}
	if list := s.Stale(func(string) bool { return false }); list != nil {
		t.Errorf("not hooked: got %v", list)
	}
}

// TestStaleNarrowed: optimised code of a private function may rely on what the callers pass that are left.
func TestStaleNarrowed(t *testing.T) {
	const rely = "f may rely on what its callers in the patched version pass"
	h := asmText("h", "\tjmp\tf")
	through, k := asmText("h", "\tcall\tk"), asmText("k", "\tcall\tf")
	for _, tt := range []struct{ name, orig, patched, want string }{
		{"private", h, "", rely},
		{"seen elsewhere", "\t.globl\tf\n" + h, "\t.globl\tf\n", ""},
		{"its address is taken", h, asmText("a", "\tleaq\tf(%rip), %rax"), ""},
		{"through one of which every caller is known", through + k, k, rely},
		{"through one of which not", "\t.globl\tk\n" + through + k, "\t.globl\tk\n" + k, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := selectionOf(t, asmText("f", "\tmovl\t%edi, %eax")+tt.orig, asmText("f", "\tmovl\t$1, %eax")+tt.patched)
			list := s.Stale(func(orig string) bool { return orig == "f" })
			if tt.want == "" && list == nil {
				return
			}
			if len(list) != 1 || list[0].Name != "h" || list[0].Callee+" "+list[0].Why != tt.want {
				t.Errorf("got %+v, want %q", list, tt.want)
			}
		})
	}
}
