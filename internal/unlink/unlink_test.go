package unlink

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

const (
	first = `
static int calls;
static const char *const names[] = { "bar", "foobar" };
__thread int own = 3;
static __attribute__((noinline)) int helper(int x) { calls++; own += x; return calls + x; }
int one(int x) { return helper(x) + names[x & 1][0]; }
`
	second = `
extern int one(int);
static int calls[4];
static __attribute__((noinline)) int helper(int x) { static int last; return last += calls[x & 3]++; }
int main(int argc, char **argv)
{
	switch (argc) {
	case 1: return one(1);
	case 2: return helper(17);
	case 3: return 4;
	case 4: return helper(0) * 3;
	case 5: return 99;
	}
	return argv[0][0] == 'x';
}
`
)

// program links sources and takes the program apart.
func program(t testing.TB, flags string, sources ...string) (*Program, error) {
	t.Helper()
	testkit.Require(t, "gcc", "objdump")
	dir := t.TempDir()
	args := append(strings.Fields(flags), "-o", "prog")
	for i, text := range sources {
		name := string(rune('a'+i)) + ".c"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	cmd := exec.Command("gcc", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path := filepath.Join(dir, "prog")
	f, err := elfobj.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	listing, err := exec.Command("objdump", ListingArgs(path)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return Open(f, listing)
}

func mustOpen(t testing.TB, flags string, sources ...string) *Program {
	t.Helper()
	p, err := program(t, flags, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestObject: each unit has what is its own, at the place where it is in the program, and no more.
func TestObject(t *testing.T) {
	for _, flags := range []string{"-g -O2 -Wl,-q", "-g -O0 -Wl,-q", "-g -O2 -fno-pie -no-pie -Wl,-q"} {
		t.Run(flags, func(t *testing.T) {
			p := mustOpen(t, flags, first, second)
			for i, want := range [][]string{{"calls", "helper", "names", "one", "own"}, {"calls", "helper", "last.0", "main"}} {
				object, err := p.Units()[i].Object(true)
				if err != nil {
					t.Fatal(err)
				}
				f, err := elfobj.Parse(object)
				if err != nil {
					t.Fatal(err)
				}
				if got := definedIn(p, f, t); !slices.Equal(got, want) {
					t.Errorf("unit %d has %q, want %q", i, got, want)
				}
				for k := range f.Symbols {
					if strings.HasPrefix(f.Symbols[k].Name, ".Lunclear") {
						t.Errorf("unit %d: %s", i, f.Symbols[k].Name)
					}
				}
				if d, err := f.DWARF(); d == nil || err != nil {
					t.Errorf("unit %d: debugging information: %v", i, err)
				}
			}
		})
	}
}

// TestObjectOfSwitch: the table of a switch is of its source's unit, though debugging information does not tell of it.
func TestObjectOfSwitch(t *testing.T) {
	const text = `int f(int x) { switch (x) { case 1: return 11; case 2: return 17; case 3: return 5; case 4: return 3; case 5: return 9; } return 0; }`
	p := mustOpen(t, "-g -O3 -Wl,-q", text, "extern int f(int); int main(int argc, char **argv) { return f(argc); }")
	object, err := p.Units()[0].Object(true)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfobj.Parse(object)
	if err != nil {
		t.Fatal(err)
	}
	if got := definedIn(p, f, t); len(got) != 2 || !strings.HasPrefix(got[0], "CSWTCH.") {
		t.Errorf("the unit has %q", got)
	}
}

// TestObjectOfLibrary: what is private to a library stands in its symbol table behind no source, beside what no unit has.
func TestObjectOfLibrary(t *testing.T) {
	p := mustOpen(t, "-g -O2 -fPIC -shared -fvisibility=hidden -Wl,-q", `int f(int x) { return x + 1; } __attribute__((visibility("default"))) int g(int x) { return f(x); }`)
	object, err := p.Units()[0].Object(true)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfobj.Parse(object)
	if err != nil {
		t.Fatal(err)
	}
	if got := definedIn(p, f, t); !slices.Equal(got, []string{"f", "g"}) {
		t.Errorf("the unit has %q", got)
	}
}

// TestHidden: what a unit shows to others of its library is theirs to use, though the linker made it private to the library, even if another
// library has a function of that name.
func TestHidden(t *testing.T) {
	p := mustOpen(t, "-g -O2 -fPIC -shared -fvisibility=hidden -Wl,-q", `long random(void) { return 0; } static int own(int x) { return x; } int (*f)(int) = own;`,
		`extern long random(void); __attribute__((visibility("default"))) int g(int x) { return random(); }`)
	var got []string
	for _, u := range p.Units() {
		object, err := u.Object(false)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elfobj.Parse(object)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range f.Symbols {
			if s.Name == "random" || s.Name == "own" || strings.HasPrefix(s.Name, ".Lunclear") {
				got = append(got, strings.Join([]string{s.Name, s.Bind.String(), s.Vis.String()}, " "))
			}
		}
	}
	if want := []string{"own STB_LOCAL STV_DEFAULT", "random STB_GLOBAL STV_HIDDEN", "random STB_GLOBAL STV_DEFAULT"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// definedIn lists what an object defines, once each is found to be where its section says.
func definedIn(p *Program, f *elfobj.File, t *testing.T) (names []string) {
	for i := range f.Symbols {
		s := &f.Symbols[i]
		if !s.Defined() || s.Name == "" || strings.HasPrefix(s.Name, ".L") {
			continue
		}
		names = append(names, s.Name)
		at := f.Sections[s.Section].Addr + s.Value
		if !slices.ContainsFunc(p.file.Symbols, func(b elfobj.Symbol) bool { return b.Name == s.Name && p.addrOf(&b) == at && b.Size == s.Size }) {
			t.Errorf("%q is not at %#x", s.Name, at)
		}
	}
	slices.Sort(names)
	return names
}

// TestSame: a unit is the same wherever it is linked to, and is not once a constant, a name or a table in it is another.
func TestSame(t *testing.T) {
	const flags = "-g -O2 -Wl,-q"
	larger := strings.Replace(first, "int one(int x) {", "int more[9] = { 1 }; double scale(double x) { return x * 3.25; } int one(int x) { more[x] = x;", 1)
	orig := mustOpen(t, flags, first, second)
	for _, tt := range []struct {
		name, first, second string
		want                [2]bool
	}{
		{"nothing", first, second, [2]bool{true, true}},
		{"another unit grows", larger, second, [2]bool{false, true}},
		{"a string", strings.Replace(first, `"bar"`, `"bat"`, 1), second, [2]bool{false, true}},
		{"a number", first, strings.Replace(second, "helper(17)", "helper(18)", 1), [2]bool{true, false}},
		{"a table", first, strings.Replace(second, "case 3: return 4", "case 3: return 99", 1), [2]bool{true, false}},
		{"a name", strings.ReplaceAll(first, "own", "our"), second, [2]bool{false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustOpen(t, flags, tt.first, tt.second)
			for i, u := range p.Units() {
				if same, err := Same(orig.Units()[i], u); err != nil || same != tt.want[i] {
					t.Errorf("unit %d: %v, %v", i, same, err)
				}
			}
		})
	}
}

// TestRest: what has no name is compared, wherever it is linked to; what units have is not.
func TestRest(t *testing.T) {
	const nameless = `
__asm__(".data\n2: .long 7\n.section .rodata\n3: .long 70\n4: .long 1f-4b\n.section .init_array,\"aw\"\n.quad start_here\n.text\n"
	".type start_here, @function\nstart_here: jmp 1f\n.size start_here, .-start_here\n.type or_here, @function\nor_here: ret\n.size or_here, .-or_here\n"
	"1: mov $17, %eax\nmov 2b(%rip), %eax\nmov 3b(%rip), %eax\nlea 4b(%rip), %rax\nret\n");
`
	const flags = "-g -O2 -Wl,-q"
	larger := strings.Replace(first, "int one(int x) {", "int more[9] = { 1 }; double scale(double x) { return x * 3.25; } int one(int x) { more[x] = x;", 1)
	before := mustOpen(t, flags, first, nameless, second).Rest()
	for _, tt := range []struct {
		name, first, nameless string
		want                  []string
	}{
		{"nothing", first, nameless, nil},
		{"a unit grows", larger, nameless, nil},
		{"a string of a unit", strings.Replace(first, `"bar"`, `"another"`, 1), nameless, nil},
		{"data", first, strings.Replace(nameless, ".long 7\\n", ".long 8\\n", 1), []string{"section .data"}},
		{"data that is only read", first, strings.Replace(nameless, ".long 70", ".long 71", 1), []string{"section .text"}},
		{"code behind a function", first, strings.Replace(nameless, "$17", "$18", 1), []string{"section .text"}},
		{"what starts a program", first, strings.Replace(nameless, ".quad start_here", ".quad or_here", 1), []string{"section .init_array"}},
		{"none of it", first, "int none;", []string{"or_here", "section .data", "section .init_array", "section .text", "start_here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			after := mustOpen(t, flags, tt.first, tt.nameless, second).Rest()
			for name := range before {
				if before[name] != after[name] {
					got = append(got, name)
				}
			}
			if slices.Sort(got); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRestOfLinkers: what a linker makes is not compared: a function of a library that a unit takes changes it.
func TestRestOfLinkers(t *testing.T) {
	more := strings.Replace(first, "int one(int x) {", "extern int abs(int), atoi(const char *); int one(int x) { x += atoi(names[x & 1]);", 1)
	for _, linker := range []string{"bfd", "gold", "lld", "mold"} {
		if _, err := exec.LookPath("ld." + linker); err != nil {
			continue
		}
		flags := "-g -O2 -fno-builtin -Wl,-q -fuse-ld=" + linker
		before, after := mustOpen(t, flags, first, second).Rest(), mustOpen(t, flags, more, second).Rest()
		for name := range after {
			if before[name] != after[name] {
				t.Errorf("%s: %q differs", linker, name)
			}
		}
	}
}

// TestFolded: functions that a linker made one are told from those that gcc made one.
func TestFolded(t *testing.T) {
	const twins = `
__attribute__((noinline)) int one(int x) { return x * 11 + 3; }
__attribute__((noinline)) int two(int x) { return x * 11 + 3; }
static inline int three(int x) { return x * 13 + 3; }
static inline int four(int x) { return x * 13 + 3; }
int (*volatile inlined[])(int) = { three, four };
int main(int argc, char **argv) { return one(argc) + two(argc) + three(argc) + four(argc); }
`
	for _, tt := range []struct {
		name, flags string
		folded      bool
	}{
		{"GNU ld", "-fuse-ld=bfd", false},
		{"lld", "-fuse-ld=lld -fno-ipa-icf", false},
		{"lld that folds", "-fuse-ld=lld -fno-ipa-icf -Wl,--icf=all", true},
		{"lld that folds, with ranges", "-fuse-ld=lld -fno-ipa-icf -Wl,--icf=all -freorder-blocks-and-partition", true},
		{"gcc that makes aliases", "-fuse-ld=lld -fipa-icf", false},
		{"mold that folds", "-fuse-ld=mold -fno-ipa-icf -Wl,--icf=all", true},
		{"gcc and mold", "-fuse-ld=mold -fipa-icf", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, other := mustOpen(t, "-g -O2 -ffunction-sections -Wl,-q "+tt.flags, twins).Folded()
			if (one != "") != tt.folded {
				t.Errorf("%q and %q", one, other)
			}
		})
	}
}

// TestVersions: units take what they have from libraries in the versions that the program does.
func TestVersions(t *testing.T) {
	const old, current = "GLIBC_2.2.5", "GLIBC_2.14"
	text := `extern void *copy(void *, const void *, long); __asm__(".symver copy,memcpy@GLIBC_2.14"); ` + second
	text = strings.Replace(text, "char **argv)\n{", "char **argv)\n{ copy(argv, argv + 1, argc);", 1)
	for _, version := range []string{old, current} {
		p := mustOpen(t, "-g -O2 -Wl,-q", first, strings.Replace(text, current, version, 1))
		object, err := p.Units()[1].Object(false)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elfobj.Parse(object)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(f.Symbols, func(s elfobj.Symbol) bool { return s.Name == "memcpy" && s.Version == version && !s.Defined() }) {
			t.Errorf("the unit does not take memcpy of version %q: %v", version, f.Symbols)
		}
	}
}

// TestOpenRefused: a program that does not tell enough is found out.
func TestOpenRefused(t *testing.T) {
	if _, err := program(t, "-g", first, second); !errors.As(err, &ErrNoRelocations{}) {
		t.Errorf("without relocations: %v", err)
	}
	if _, err := program(t, "-Wl,-q", first, second); !errors.Is(err, ErrNoDebug) {
		t.Errorf("without debugging information: %v", err)
	}
}

// FuzzOpen: a program of any bytes is taken apart or refused.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("\x7fELF"), []byte("  1f:\te8 00 00 00 00 \tcall 24\n"))
	f.Fuzz(func(_ *testing.T, data, listing []byte) {
		file, err := elfobj.Parse(data)
		if err != nil {
			return
		}
		p, err := Open(file, listing)
		if err != nil {
			return
		}
		p.Rest()
		for _, u := range p.Units() {
			_, _ = u.Object(true)
			_, _ = Same(u, u)
		}
	})
}
