package diffasm

import "testing"

// TestRenamedFunctions: a private function that only has another name is the one of the original, so that pointers to it stay equal.
func TestRenamedFunctions(t *testing.T) {
	body, other := "\tleal\t5(%rdi), %eax", "\tleal\t6(%rdi), %eax"
	gives := func(of string) string { return asmText("get", "\tleaq\t"+of+"(%rip), %rax") }
	for _, r := range []struct {
		name          string
		orig, patched string
		function      string
		want          Status
	}{
		{"renamed", asmText("noop", body) + gives("noop"), asmText("nothing", body) + gives("nothing"), "nothing", Same},
		{"who uses it is the same", asmText("noop", body) + gives("noop"), asmText("nothing", body) + gives("nothing"), "get", Same},
		{"other code", asmText("noop", body) + gives("noop"), asmText("nothing", other) + gives("nothing"), "nothing", New},
		{"the old one is still there", asmText("noop", body), asmText("noop", body) + asmText("nothing", body), "nothing", New},
		{"two that it may be", asmText("a", body) + asmText("b", body), asmText("nothing", body), "nothing", New},
		{"two that may be it", asmText("a", body), asmText("b", body) + asmText("nothing", body), "nothing", New},
		{"global", "\t.globl\tnoop\n" + asmText("noop", body), asmText("nothing", body), "nothing", New},
	} {
		t.Run(r.name, func(t *testing.T) {
			d, err := Match(parseText(t, r.orig), parseText(t, r.patched), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range d.Functions {
				if f.Name == r.function && f.Status != r.want {
					t.Errorf("%s is %s, want %s", f.Name, f.Status, r.want)
				}
			}
		})
	}
}
