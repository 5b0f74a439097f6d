package diffasm_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/diffasm"
	"gocare/internal/test/testkit"
)

var automatic = regexp.MustCompile(`\b[A-Za-z_]\w*(\.(isra|part|constprop))?\.[0-9]+\b`)

// renumber gives every automatic name the number of another of the same base, the last one a number not used before.
func renumber(src []byte) []byte {
	by := map[string][]string{}
	number := regexp.MustCompile(`[0-9]+$`)
	for _, n := range automatic.FindAll(src, -1) {
		name := string(n)
		if strings.HasPrefix(name, "str") { // .rodata.str1.1
			continue
		}
		base := number.ReplaceAllString(name, "")
		if !slices.Contains(by[base], name) {
			by[base] = append(by[base], name)
		}
	}
	to := map[string]string{}
	for base, names := range by {
		for i, n := range names {
			to[n] = base + "77"
			if i > 0 {
				to[n] = names[i-1]
			}
		}
	}
	return automatic.ReplaceAllFunc(src, func(n []byte) []byte {
		if name, found := to[string(n)]; found {
			return []byte(name)
		}
		return n
	})
}

// TestRenumbered permutes the compiler's numbers in real output: nothing has changed, and what is emitted from either
// version is bound to the same names of the original.
func TestRenumbered(t *testing.T) {
	testkit.Require(t, "gcc")
	for _, flags := range []string{"-O0", "-O1", "-O2", "-O2 -g", "-O3", "-Os -fPIC"} {
		t.Run(flags, func(t *testing.T) {
			src := compile(t, t.TempDir(), flags)
			moved := renumber(src)
			in := map[string]string{"o": string(src), "p": string(moved)}
			if in["o"] == in["p"] {
				t.Fatal("nothing to renumber")
			}
			o, p := parse(t, in, "o"), parse(t, in, "p")
			if got, want := emitAll(t, o, p), emitAll(t, o, o); got != want {
				t.Errorf("emitted differently:\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// emitAll puts every function into a patch and returns the code with the names of what is carried made plain.
func emitAll(t *testing.T, o, p *diffasm.File) string {
	d, err := diffasm.Match(o, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := describe(d); s != "" {
		t.Fatalf("differences:\n%s", s)
	}
	s, err := diffasm.Decide(d, diffasm.Options{Identity: func(string) bool { return true }})
	if err != nil {
		t.Fatal(refusals(err))
	}
	e, err := diffasm.Emit(s)
	if err != nil {
		t.Fatal(refusals(err))
	}
	carried := regexp.MustCompile(`(t|__func__|\w+\.constprop|\w+\.isra|\w+\.part)\.[0-9]+((\.kpatch|\.kpnew)?\b)`)
	return carried.ReplaceAllString(string(e.Asm), "$1.N$2")
}
