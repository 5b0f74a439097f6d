package ld

import (
	"debug/elf"
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/test/testkit"
)

// addition compiles a source that the original does not have.
func addition(t *testing.T, name, source string, flags ...string) Addition {
	t.Helper()
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "new.c"), source)
	testkit.Run(t, dir, "gcc", slices.DeleteFunc(append([]string{"-c", "-O2", "new.c", "-o", "new.o"}, flags...), func(f string) bool { return f == "" })...)
	f, err := elfobj.Load(filepath.Join(dir, "new.o"))
	if err != nil {
		t.Fatal(err)
	}
	return Addition{Name: name, File: f}
}

// carried joins a new function of body in main.c with what it needs of additions.
func carried(t *testing.T, b *build, o *Original, body string, additions ...Addition) (*Joined, error) {
	t.Helper()
	user, err := o.Resolve(b.newFunction(t, "main", body))
	if err != nil {
		return nil, err
	}
	all := []*Resolved{user}
	units, err := o.Carry(additions, all)
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		if u.Object == nil {
			continue
		}
		r, err := o.Resolve(u)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return Join(o, all)
}

// names lists the functions of a joined patch.
func names(j *Joined) string {
	var list []string
	for _, f := range j.Functions {
		list = append(list, f.Name)
	}
	return strings.Join(list, " ")
}

// TestCarry: what is needed of an addition is carried, and what a running program cannot be given is refused by name.
func TestCarry(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2", "-fcommon"))
	known := withLibrary(t, b)
	fresh := func(rest string) string { return rest + "\nint fresh(int x) { return x + USE; }\n" }
	for _, tt := range []struct {
		name, source string
		flags        string
		code         fault.Code // of the refusal, or
		want         string     // the functions
	}{
		{"a function", fresh(""), "-DUSE=1", "", "f fresh"},
		{"one that counts", fresh(""), "-DUSE=1 --coverage", "", "f fresh"},
		{"a constructor beside counters", fresh("int started; __attribute__((constructor)) static void start(void) { started = USE; }"), "-DUSE=1 --coverage", "new-constructor", ""},
		{"one that nothing needs", "int unneeded(void) { return 1; }", "", "undefined-symbol", ""},
		{"sections that nothing needs", fresh("int nowhere(void); int spare(void) { return nowhere(); }"), "-DUSE=1 -ffunction-sections", "", "f fresh"},
		{
			"a function it calls",
			fresh("__attribute__((noinline)) static int more(int x) { return x * 7 % 3; }"),
			"-DUSE=more(x) -ffunction-sections",
			"", "f more fresh",
		},
		{"a static variable", fresh("static int count;"), "-DUSE=count++", "", "f fresh"},
		{"a constructor", fresh("__attribute__((constructor)) static void begin(void) { __asm__(\"\"); }"), "-DUSE=1", "new-constructor", ""},
		{"a destructor that nothing needs", "__attribute__((destructor)) static void end(void) { __asm__(\"\"); }", "", "new-constructor", ""},
		{"a thread-local variable", fresh("__thread int v;"), "-DUSE=v", "new-tls-variable", ""},
		{"an unused thread-local variable", fresh("__thread int v;"), "-DUSE=1", "", "f fresh"},
		{"the original's thread-local variable", fresh("extern __thread int tls_exported;"), "-DUSE=tls_exported", "", "f fresh"},
		{"an element of a set", fresh("__attribute__((section(\"listed\"), used)) static int v = 1;"), "-DUSE=1", "section-set", ""},
		{"a section that is no set", fresh("__attribute__((section(\"single\"))) static int v = 1;"), "-DUSE=v++", "", "f fresh"},
		{
			"an indirect function",
			fresh("static int a(void) { return 1; } static void *r(void) { return a; } int chosen(void) __attribute__((ifunc(\"r\")));"),
			"-DUSE=chosen()", "new-ifunc", "",
		},
		{"a common variable", fresh("int v[4];"), "-fcommon -DUSE=v[1]", "new-common", ""},
		{"the original's common variable", fresh("int shared_common;"), "-fcommon -DUSE=shared_common", "", "f fresh"},
		{"another definition of a function", fresh("int public_helper(int x) { return x; }"), "-DUSE=1", "moved-global", ""},
		{
			"a weak definition of what the original has",
			fresh("__attribute__((weak, noinline)) int public_helper(int x) { return x * 5 % 3; }"),
			"-DUSE=public_helper(x) -ffunction-sections",
			"", "f fresh",
		},
		{"a function that the original imports", fresh("int rand(void) { return 4; }"), "-fno-builtin -DUSE=rand()", "moved-global", ""},
		{"a function that the original imports, not needed", fresh("int rand(void) { return 4; }"), "-ffunction-sections -DUSE=1", "moved-global", ""},
		{
			"an indirect function that the patch calls",
			"static int a(int x) { return x; } static void *r(void) { return a; } int fresh(int) __attribute__((ifunc(\"r\")));",
			"", "new-ifunc", "",
		},
		{"code made at link time", fresh(""), "-DUSE=1 -flto -fno-fat-lto-objects", "lto", ""},
		{
			"a clean-up",
			fresh("int public_helper(int); static void end(int *p) { public_helper(*p); }"),
			"-DUSE=({int\tv\t__attribute__((cleanup(end)))=x;public_helper(x)+v;}) -fexceptions",
			"undefined-symbol", "",
		},
		{"unwinding without a clean-up", fresh(""), "-DUSE=1 -fexceptions", "", "f fresh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := addition(t, "new.c", tt.source, strings.Split(tt.flags, " ")...)
			j, err := carried(t, b, known, "call fresh", a)
			if tt.code != "" {
				checkRefusal(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := names(j); got != tt.want {
				t.Errorf("functions %q, want %q", got, tt.want)
			}
			checkUnwind(t, j)
		})
	}
}

// withLibrary makes the original know its C library, so that a name which nothing defines is refused.
func withLibrary(t *testing.T, b *build) *Original {
	t.Helper()
	known := *b
	for _, name := range []string{"libc.so.6", "libm.so.6"} {
		path := strings.TrimSpace(testkit.Run(t, b.dir, "gcc", "-print-file-name="+name))
		lib, err := elfobj.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		known.objects = append(slices.Clone(known.objects), Object{Path: path, File: lib})
	}
	return known.open(t)
}

// checkUnwind holds the unwind table against the functions of additions: an entry for each, and none for what is not there.
func checkUnwind(t *testing.T, j *Joined) {
	t.Helper()
	starts := map[uint64]bool{}
	for _, f := range j.Functions[1:] { // the first is assembly without a table
		starts[f.New.Offset] = true
	}
	for _, s := range j.Sections {
		if s.Name != kpname.Unwind {
			continue
		}
		for _, r := range s.Relocs {
			if !starts[r.Target.Offset+uint64(r.Addend)] {
				t.Errorf("unwind table: an entry for %+v", r.Target)
			}
			delete(starts, r.Target.Offset+uint64(r.Addend))
		}
		end := len(s.Data) - 4
		if binary.LittleEndian.Uint32(s.Data[end:]) != 0 {
			t.Errorf("unwind table: no zero word ends it")
		}
		for at := 0; at < end; at += 4 + int(binary.LittleEndian.Uint32(s.Data[at:])) {
			if back := int(binary.LittleEndian.Uint32(s.Data[at+4:])); back != 0 && binary.LittleEndian.Uint32(s.Data[at+4-back+4:]) != 0 {
				t.Errorf("unwind table: the entry at 0x%x has no CIE", at)
			}
		}
	}
	if len(starts) > 0 {
		t.Errorf("unwind table: no entry for the functions at %v", starts)
	}
}

// TestCarryMember: members that the compiler's own library holds, and what two additions need of each other.
func TestCarryMember(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2", "-fno-pie"), "-no-pie")
	o := b.open(t)
	first := addition(t, "first.c", "int second(int); int first_var = 3; int fresh(int x) { return second(x) + 1; }\n", "-fno-pie")
	second := addition(t, "second.c", `extern int first_var; static const char *const list[] = { "a", "b" };
const char *const *get(void) { return list; }
int second(int x) { return x * first_var; }
`, "-fno-pie")
	j, err := carried(t, b, o, "call fresh", first, second)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(j); got != "f fresh get second" {
		t.Errorf("functions %q", got)
	}
	for _, s := range j.Sections {
		for _, r := range s.Relocs {
			if s.Name == kpname.Rodata || r.Target.Kind == Imported {
				t.Errorf("%s: %+v", s.Name, r)
			}
		}
	}
	lib := strings.TrimSpace(testkit.Run(t, b.dir, "gcc", "-print-libgcc-file-name"))
	members := archive(t, lib)
	i := slices.IndexFunc(members, func(m Addition) bool { return m.defines("__divti3") })
	if i < 0 {
		t.Skip("no __divti3 in " + lib)
	}
	if j, err = carried(t, b, o, "call __divti3", members[i]); err != nil {
		t.Fatal(err)
	}
	if got := names(j); got != "f __divti3" {
		t.Errorf("functions %q", got)
	}
}

// TestCarryWeak: of two weak definitions the linker takes the first; that of an addition may come before the original's.
func TestCarryWeak(t *testing.T) {
	b := buildText(t, asmMain+asmFunction("f", "\tret")+"\t.weak limit\n"+asmFunction("limit", "\tret")+"\t.globl strong\n"+asmFunction("strong", "\tret"))
	o := b.open(t)
	for _, tt := range []struct {
		name, source string
		code         fault.Code
	}{
		{"of a weak one", `__attribute__((weak)) int limit(int x) { return x; }`, "moved-global"},
		{"of a strong one", `__attribute__((weak)) int strong(int x) { return x; }`, ""},
		{"of a group", `__asm__(".section .text.limit,\"axG\",@progbits,limit,comdat; .weak limit; limit: ret; .text");`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := carried(t, b, o, "call fresh", addition(t, "new.c", tt.source+"\nint fresh(int x) { return x; }\n"))
			if tt.code != "" {
				checkRefusal(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCarryAbsolute: a number that has a name is no place that a patch could refer to.
func TestCarryAbsolute(t *testing.T) {
	b := linkProgram(t, compile(t, "-O2"))
	testkit.WriteFile(t, filepath.Join(b.dir, "level.c"), "extern char level[]; long fresh(void) { return (long)level; }\n")
	testkit.Run(t, b.dir, "gcc", "-c", "-O2", "-fPIC", "level.c")
	testkit.Run(t, b.dir, "ld", "-r", "level.o", "--defsym=level=17", "-o", "levelled.o")
	f, err := elfobj.Load(filepath.Join(b.dir, "levelled.o"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = carried(t, b, b.open(t), "call fresh", Addition{Name: "level.c", File: f})
	checkRefusal(t, err, "absolute-symbol")
}

func archive(t *testing.T, path string) []Addition {
	t.Helper()
	var list []Addition
	for _, e := range contents(t, "", Placement{Path: path, Member: "_divdi3.o"}, map[string][]elfobj.Member{}) {
		f, err := elfobj.Parse(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Addition{Name: path, File: f})
	}
	return list
}

func (a *Addition) defines(name string) bool {
	return slices.ContainsFunc(a.File.Symbols, func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() && s.Type == elf.STT_FUNC })
}
