package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocare/buildtree"
	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// TestRecompile makes every recorded unit again from its record: the assembly and the object must be the same, from the
// same source, and no other file may appear.
func TestRecompile(t *testing.T) {
	for _, compiler := range []string{"gcc", "clang"} {
		t.Run(compiler, func(t *testing.T) { recompiles(t, compiler) })
	}
}

func recompiles(t *testing.T, compiler string) {
	testkit.Require(t, compiler, "as", "ld")
	cases := []struct{ name, cmd string }{
		{"plain", "CC -c a.c"},
		{"object elsewhere", "CC -O2 -Isub -DX=\"a b\" -c a.c -o out/z.o"},
		{"two sources and a link", "CC -O2 b.c a.c -o out/prog -lm -L. -Wl,--as-needed -Xlinker -O1"},
		{"dependencies", "CC -MD -MP -MF out/d -MT x -c a.c -o out/a.o"},
		{"preprocessor's dependencies", "CC -Wp,-MD,out/d,-DY -c a.c -o out/a.o"},
		{"save temps and pipe", "CC -save-temps=obj -pipe -g -c a.c -o out/a.o"},
		{"no suffix", "cp a.c plain; CC -O2 -x c -c plain -o out/a.o"},
		{"response file", "CC @args -c a.c"},
		{"split dwarf", "CC -g -gsplit-dwarf -c a.c -o out/a.o"},
		{"assembler options", "CC -Wa,-L,-adhln=out/list -Wa,--noexecstack -c a.c"},
		{"include path from the environment", "CPATH=sub CC -c env.c"},
		{"shared object", "CC -shared -fPIC -fvisibility=hidden b.c -o out/lib.so"},
		{"language after none", "CC -x c -c b.c -x none a.c"},
		{"preprocessed assembly", "CC -c pre.S"},
	}
	if compiler == "clang" { // gcc names the file after the output, in data alone
		cases = append(cases, struct{ name, cmd string }{"coverage", "CC -O1 --coverage -c a.c -o out/a.o"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRunner(t)
			r.env = append(r.env, "KPCCREAL="+compiler)
			r.stage = "original"
			r.extra = map[string]string{"args": "-O2 -g", "env.c": "#include \"only.h\"\n", "sub/only.h": "int only;\n"}
			if compiler == "clang" {
				c.cmd = strings.Replace(c.cmd, ",-adhln=out/list", "", 1) // GNU as alone knows it
			}
			if o := r.run(t, "carecc", c.cmd, ""); !strings.HasSuffix(o.Status, "<nil>; ") {
				t.Fatalf("%s: %s", o.Status, o.Stderr)
			}
			before := r.files(t)
			store, rec := r.load(t)
			if len(rec.Units) == 0 {
				t.Fatal("nothing recorded")
			}
			for i := range rec.Units {
				recompile(t, store, &rec.Units[i])
			}
			for name := range r.files(t) {
				if _, ok := before[name]; !ok {
					t.Errorf("compiling again made %s", name)
				}
			}
		})
	}
}

func (r *runner) load(t *testing.T) (*buildtree.Store, *buildtree.Record) {
	t.Helper()
	store, err := buildtree.OpenStore(r.store())
	if err != nil {
		t.Fatal(err)
	}
	rec, err := store.Load(buildtree.Stage(r.stage))
	if err != nil {
		t.Fatal(err)
	}
	return store, rec
}

func recompile(t *testing.T, store *buildtree.Store, u *buildtree.Unit) {
	t.Helper()
	tmp := t.TempDir()
	asm, obj := filepath.Join(tmp, "again.s"), filepath.Join(tmp, "again.o")
	runIn(t, u, u.Driver, u.CompileArgs(u.Source, asm))
	want, err := store.Blob(u.AsmID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(asm)
	if err != nil {
		t.Fatal(err)
	}
	splitDwarf := strings.Contains(string(want), ".dwo\"") // the name of the .dwo follows the output's
	if string(got) != string(want) && !splitDwarf {
		t.Errorf("%s: other assembly from %q", u.Source, u.CompileArgs(u.Source, asm))
	}
	deps := runIn(t, u, u.Driver, u.DependArgs(u.Source))
	if !strings.Contains(deps, filepath.Base(u.Source)) {
		t.Errorf("dependencies of %s: %q", u.Source, deps)
	}
	if strings.HasSuffix(u.Source, "a.c") && !strings.Contains(deps, "h.h") {
		t.Errorf("dependencies of %s lack h.h: %q", u.Source, deps)
	}
	if err := os.WriteFile(asm, want, 0o644); err != nil {
		t.Fatal(err)
	}
	runIn(t, u, u.As, u.AssembleArgs(asm, obj))
	object, err := os.ReadFile(obj)
	if err != nil {
		t.Fatal(err)
	}
	// clang's own objects and what it assembles differ in the debug sections.
	if buildtree.DigestOf(object) != u.ObjectID && (!buildtree.IsClang(u.Driver) || !sameAllocated(t, object, u.Object)) {
		t.Errorf("%s: other object from %q", u.Source, u.AssembleArgs(asm, obj))
	}
	elsewhere(t, u, tmp)
}

// sameAllocated compares the allocated sections of an object and of one in a file.
func sameAllocated(t *testing.T, object []byte, path string) bool {
	t.Helper()
	recorded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var text [2]string
	for i, data := range [][]byte{object, recorded} {
		f, err := elfobj.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range f.Sections {
			if s.Flags&elf.SHF_ALLOC != 0 {
				text[i] += s.Name + "\x00" + string(s.Data)
			}
		}
	}
	return text[0] == text[1] && text[0] != ""
}

// elsewhere compiles a copy of the source in another directory, under another suffix.
func elsewhere(t *testing.T, u *buildtree.Unit, tmp string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.Dir, u.Source))
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(tmp, "moved.copy")
	if err := os.WriteFile(moved, text, 0o644); err != nil {
		t.Fatal(err)
	}
	runIn(t, u, u.Driver, u.CompileArgs(moved, filepath.Join(tmp, "moved.s")))
}

func runIn(t *testing.T, u *buildtree.Unit, path string, args []string) string {
	t.Helper()
	if len(args) == 0 {
		t.Fatalf("%s: no arguments", u.Source)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = u.Dir, append(os.Environ(), u.Env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", path, args, err, stderr.String())
	}
	return string(out)
}
