package diffasm

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/arch"

	"gocare/diffasm/debuginfo"
	"gocare/internal/test/testkit"
)

// randomFunc is a function with static locals of few names that calls earlier functions.
type randomFunc struct {
	name    string
	body    []string
	callees []string
	static  bool
}

func pick(r *rand.Rand, words ...string) string { return words[r.Intn(len(words))] }

func randomStatic(r *rand.Rand) string {
	n := pick(r, "n", "m", "k", "l", "i", "j", "q", "v")
	return fmt.Sprintf("{ static int %s%s; %s %s x; x += %s; }", n, pick(r, "", " = 3"), n, pick(r, "+=", "-=", "^="), n)
}

func randomUnit(r *rand.Rand) (fns []randomFunc) {
	for i := range 4 + r.Intn(4) {
		f := randomFunc{name: fmt.Sprintf("f%d", i), static: r.Intn(2) == 0 && i < 3}
		for range 1 + r.Intn(3) {
			f.body = append(f.body, randomStatic(r))
		}
		for range r.Intn(3) {
			if i > 0 {
				f.callees = append(f.callees, fmt.Sprintf("f%d", r.Intn(i)))
			}
		}
		fns = append(fns, f)
	}
	return fns
}

// edit adds or removes a static local, a call, or a function with a static local.
func edit(r *rand.Rand, fns []randomFunc) []randomFunc {
	out := append([]randomFunc(nil), fns...)
	i := 1 + r.Intn(len(out)-1)
	f := &out[i]
	switch r.Intn(4) {
	case 0:
		f.body = append([]string{randomStatic(r)}, f.body...)
	case 1:
		f.body = f.body[1:]
	case 2:
		f.callees = append(append([]string(nil), f.callees...), "f0")
	default:
		f.callees = append(append([]string(nil), f.callees...), "g")
		return append([]randomFunc{{name: "g", body: []string{randomStatic(r)}, static: true}}, out...)
	}
	return out
}

func cSource(fns []randomFunc) string {
	var b strings.Builder
	for _, f := range fns {
		if f.static {
			b.WriteString("static ")
		}
		fmt.Fprintf(&b, "int %s(int x) {\n\t%s\n", f.name, strings.Join(f.body, "\n\t"))
		for _, c := range f.callees {
			fmt.Fprintf(&b, "\tx ^= %s(x);\n", c)
		}
		b.WriteString("\treturn x;\n}\n")
	}
	return b.String()
}

func compileDebug(t *testing.T, src, level string) *debuginfo.Unit {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", level, "-w", "-g", "-S", "a.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	asm, err := os.ReadFile(filepath.Join(dir, "a.s"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(&arch.X86_64, "a.s", asm)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEvidence edits random units and pairs their static locals without debug information: what is not called unproved
// must agree with the function that the debug information names.
// withoutDebug is a unit as if it were compiled without -g.
func withoutDebug(u *debuginfo.Unit) *debuginfo.Unit {
	u.File.Debug = nil
	return &debuginfo.Unit{File: u.File}
}

func TestEvidence(t *testing.T) {
	testkit.Require(t, "gcc")
	proved := 0
	for seed := range 24 {
		r := rand.New(rand.NewSource(int64(seed)))
		unit := randomUnit(r)
		level := []string{"-O0", "-O2", "-O3", "-Os"}[seed%4]
		o, p := compileDebug(t, cSource(unit), level), compileDebug(t, cSource(edit(r, unit)), level)
		op, pp := o.Declarations().BySymbol, p.Declarations().BySymbol
		o, p = withoutDebug(o), withoutDebug(p)
		d, err := Match(o, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range d.Variables {
			if v.Orig == "" || v.Name == "" || v.Status == Gone || slices.Contains(d.Unproved, v.Name) {
				continue
			}
			proved++
			if pp[v.Name].Function != op[v.Orig].Function {
				t.Errorf("seed %d %s: %s of %s paired with %s of %s", seed, level, v.Name, pp[v.Name].Function, v.Orig, op[v.Orig].Function)
			}
		}
	}
	if proved < 50 {
		t.Errorf("only %d pairs proved: the test proves little", proved)
	}
}
