package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gocare/internal/test/testkit"
)

// asking is a program that answers each line with the value of a function in value.c (or value.cc).
const asking = `#include <stdio.h>

int value(int x);

int main(void)
{
	char line[64];

	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin))
		printf("%d\n", value(4));
	return 0;
}
`

const askingMake = `CFLAGS ?= -O2 -g
OBJECTS = main.o value.o
all: prog
prog: $(OBJECTS)
	$(CC) $(CFLAGS) -o prog $(OBJECTS) $(LIBS)
install: all
	mkdir -p $(DESTDIR)
	cp prog $(DESTDIR)
clean:
	rm -f prog *.o *.so
`

// peer is a way to write or build C that patch makers have got wrong.
type peer struct {
	name   string
	value  string // value.c
	old    string // replaced in it by new
	new    string
	files  map[string]string // further files, or others than asking and askingMake
	env    []string
	tools  []string
	before string   // the answer of the original
	after  string   // of the patched process; "" where no patch is made
	refuse []string // then: what standard error says
	listed int      // functions in the patch, if it matters
}

var peers = []peer{
	{
		name: "a section for each function", value: `int value(int x)
{
	return x * 31 + 7;
}

int unused(void)
{
	return 1;
}
`,
		old: "x * 31 + 7", new: "x * 5", before: "131", after: "20",
		env: []string{"CFLAGS=-O2 -g -ffunction-sections -fdata-sections", "LIBS=-Wl,--gc-sections"},
	},
	{
		name: "a function in a section of its own beside main's",
		value: `__attribute__((section(".text.startup"), noinline)) static int early(int x)
{
	__asm__ volatile("");
	return x * 31 + 7;
}

int value(int x)
{
	return early(x) + 1;
}
`,
		old: "x * 31 + 7", new: "x * 5", before: "132", after: "21",
	},
	{
		name: "a store through the GOT in a function that uses the red zone",
		value: `extern int stored;

int value(int x)
{
	volatile int room[8];

	for (int i = 0; i < 8; i++)
		room[i] = x + i;
	stored = x * 31 + 7;
	int sum = stored;
	for (int i = 0; i < 8; i++)
		sum += room[i];
	return sum;
}
`,
		old: "x * 31 + 7", new: "x * 5", before: "191", after: "80",
		files: map[string]string{
			"stored.c": "int stored;\n",
			"Makefile": strings.NewReplacer("prog: $(OBJECTS)", "prog: $(OBJECTS) libstored.so", "$(LIBS)", "-L. -lstored '-Wl,-rpath,$$ORIGIN'",
				"cp prog", "cp prog libstored.so").Replace(askingMake) + "libstored.so: stored.c\n\t$(CC) $(CFLAGS) -fPIC -shared -o $@ stored.c\n",
		},
		env: []string{"CFLAGS=-O2 -g -fPIC"},
	},
	{
		name: "line numbers that shift in functions not changed", value: `#include <assert.h>

int value(int x)
{
	return x * 31 + 7;
}

int one(int x)
{
	assert(x > 1);
	return x + __LINE__;
}

int two(int x)
{
	assert(x > 2);
	return one(x) + __LINE__;
}
`,
		old: "\treturn x * 31 + 7;", new: "\tx += 1;\n\n\treturn x * 5;", before: "131", after: "25", listed: 1,
	},
	{
		name: "a function shorter than a jump, with padding behind it",
		value: `int value(int x)
{
	return x + 1;
}

__attribute__((aligned(16))) int next(int x)
{
	return x;
}
`,
		old: "x + 1", new: "x * 5 + 100", before: "5", after: "120",
	},
	{
		name: "a function shorter than a jump, with another right behind it",
		value: `int value(int x)
{
	return x + 1;
}

int next(int x)
{
	return x + 2;
}
`,
		old: "x + 1", new: "x * 5 + 100", before: "5",
		env: []string{"CFLAGS=-Os -g -fno-align-functions"}, refuse: []string{`"value" is 4 bytes long and a jump needs 5`, "hint: "},
	},
	{
		name: "the large code model at fixed addresses", value: "int shared = 5;\n\nint value(int x)\n{\n\treturn x * 31 + 7 + shared;\n}\n",
		old: "x * 31 + 7", new: "x * 5", before: "136", after: "25",
		env: []string{"CFLAGS=-O2 -g -mcmodel=large -fno-pie", "LIBS=-no-pie"},
	},
	{
		name: "the large code model at any address", value: "int shared = 5;\n\nint value(int x)\n{\n\treturn x * 31 + 7 + shared;\n}\n",
		old: "x * 31 + 7", new: "x * 5", before: "136",
		env: []string{"CFLAGS=-O2 -g -mcmodel=large -fPIE"}, refuse: []string{"value.c: value: R_X86_64_GOT", "hint: ", "-mcmodel"},
	},
	{
		name: "link-time optimisation", value: "__attribute__((noinline)) int value(int x)\n{\n\treturn x * 31 + 7;\n}\n",
		old: "x * 31 + 7", new: "x * 5", before: "131",
		env: []string{"CFLAGS=-O2 -g -flto"}, after: "20",
	},
	{
		name: "a new thread-local variable", value: "int value(int x)\n{\n\treturn x * 31 + 7;\n}\n",
		old: "int value(int x)\n{\n", new: `static __thread int calls;

int value(int x)
{
	calls++;
	if (calls > 9)
		return calls;
`, before: "131",
		refuse: []string{"value.c", "calls", "thread-local", "hint: "},
	},
	{
		name: "C++ in a file named .cc", tools: []string{"g++"},
		files: map[string]string{
			"main.c": strings.Replace(asking, "int value(int x);", "int value_of(int x);\nint value(int x) { return value_of(x); }", 1),
			"Makefile": strings.NewReplacer("prog: $(OBJECTS)\n\t$(CC)", "prog: $(OBJECTS)\n\t$(CXX)").Replace(askingMake) +
				"value.o: value.cc\n\t$(CXX) $(CFLAGS) -c value.cc\n",
			"value.cc": `namespace n {
int times(int x);
int times(int x)
{
	return x * 31 + 7;
}
}
extern "C" int value_of(int x)
{
	return n::times(x) + 1;
}
`,
		},
		old: "x * 31 + 7", new: "x * 5", before: "132", after: "21",
	},
}

func (p *peer) original() map[string]string {
	files := map[string]string{"main.c": asking, "Makefile": askingMake}
	if p.value != "" {
		files["value.c"] = p.value
	}
	for name, text := range p.files {
		files[name] = text
	}
	return files
}

func (p *peer) patched() map[string]string {
	files := p.original()
	for _, name := range []string{"value.c", "value.cc"} {
		if text, ok := files[name]; ok {
			files[name] = strings.Replace(text, p.old, p.new, 1)
		}
	}
	return files
}

// What other patch makers build wrongly, miss or break on: it works live, or it is refused by name.
func TestPeersMake(t *testing.T) {
	programs(t)
	for i := range peers {
		p := &peers[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			testkit.Require(t, p.tools...)
			dir := t.TempDir()
			writeTree(t, dir, p.original())
			writePatch(t, dir, p.original(), p.patched())
			if p.after == "" {
				r := mustRun(t, 1, dir, p.env, "patchmake", "-i", "p1", "fix.patch")
				for _, say := range p.refuse {
					assertContains(t, r.Stderr, say)
				}
				return
			}
			mustRun(t, 0, dir, p.env, "patchmake", "-i", "p1", "fix.patch")
			if p.listed > 0 {
				assertFunctions(t, dir, p.listed)
			}
			live := testkit.Start(t, filepath.Join(dir, "lpmake", "prog"))
			hold(t, live, []turn{{Want: p.before}})
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(live), "patchroot")
			hold(t, live, []turn{{Want: p.after}, {Want: p.after}})
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(live), "-i", "p1")
			hold(t, live, []turn{{Want: p.before}})
		})
	}
}

// assertFunctions checks how many functions the only patch in dir has.
func assertFunctions(t *testing.T, dir string, want int) {
	t.Helper()
	patches, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(patches) != 1 {
		t.Fatalf("patches: %q", patches)
	}
	r := mustRun(t, 0, dir, nil, "patchmake", "inspect", "--json", patches[0])
	if n := strings.Count(r.Stdout, `"new_size"`); n != want {
		t.Errorf("%d functions in the patch, want %d:\n%s", n, want, r.Stdout)
	}
}

// valueProject is the simplest of the projects above, and what its patch leads to.
func valueProject(t *testing.T) (dir string) {
	t.Helper()
	p := peer{value: "int value(int x)\n{\n\treturn x * 31 + 7;\n}\n", old: "x * 31 + 7", new: "x * 5"}
	dir = t.TempDir()
	writeTree(t, dir, p.original())
	writePatch(t, dir, p.original(), p.patched())
	return dir
}

// The original is what the user's own build is, debug information included, and stays that: a second run takes no patched
// program for an original, and the compiler is not replaced meanwhile.
func TestPeersSameBuild(t *testing.T) {
	programs(t)
	testkit.Require(t, "readelf")
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip(err)
	}
	for _, flags := range []string{"-O2 -g", "-O2 -ggdb3"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			dir, env := valueProject(t), []string{"CFLAGS=" + flags}
			before := identity(t, compiler)
			mustRun(t, 0, dir, env, "make", "CC=gcc")
			own := buildIDOf(t, filepath.Join(dir, "prog"))
			for range 2 {
				mustRun(t, 0, dir, env, "patchmake", "--clean", "-i", "p1", "fix.patch")
				if _, err := os.Stat(filepath.Join(dir, "patchroot", own+".kpatch")); err != nil {
					t.Fatalf("the patch is for another BuildID than gcc's: %v", err)
				}
			}
			mustRun(t, 0, dir, env, "patchmake", "-i", "p2", "fix.patch")
			for _, prog := range []string{"prog", "lpmake/prog"} {
				if got := buildIDOf(t, filepath.Join(dir, prog)); got != own {
					t.Errorf("%s has BuildID %s, gcc's has %s", prog, got, own)
				}
			}
			if patches, _ := filepath.Glob(filepath.Join(dir, "patchroot", "*")); len(patches) != 1 {
				t.Errorf("patches: %q", patches)
			}
			if after := identity(t, compiler); after != before {
				t.Errorf("%s was %s, is %s", compiler, before, after)
			}
		})
	}
}

// identity says which file a path leads to, and when it was changed.
func identity(t *testing.T, path string) string {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(st.Ino, st.Mode, st.Size, st.Ctim)
}

func buildIDOf(t *testing.T, path string) string {
	t.Helper()
	_, id, found := strings.Cut(testkit.Run(t, ".", "readelf", "-n", path), "Build ID: ")
	if !found {
		t.Fatalf("%s has no BuildID", path)
	}
	id, _, _ = strings.Cut(id, "\n")
	return id
}

// A library without the execute bit, as cmake installs them, is looked at too.
func TestPeersPlainLibrary(t *testing.T) {
	programs(t)
	p := peer{value: "int value(int x)\n{\n\treturn x * 31 + 7;\n}\n", old: "x * 31 + 7", new: "x * 5", files: map[string]string{
		"Makefile": "CFLAGS ?= -O2\nall: libvalue.so\nlibvalue.so: value.c\n\t$(CC) $(CFLAGS) -fPIC -shared -o $@ value.c\n" +
			"install: all\n\tinstall -D -m 644 libvalue.so $(DESTDIR)/libvalue.so\nclean:\n\trm -f *.so\n",
	}}
	dir := t.TempDir()
	writeTree(t, dir, p.original())
	writePatch(t, dir, p.original(), p.patched())
	r := mustRun(t, 0, dir, nil, "patchmake", "-i", "p1", "fix.patch")
	assertContains(t, r.Stdout, "patch for "+dir+"/lpmake/libvalue.so is in ")
}

// Interrupted in the middle of the patched build, patchmake ends, and the sources are as they were.
func TestPeersInterrupted(t *testing.T) {
	bin := programs(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			dir := valueProject(t)
			// the patched build says so and waits until its standard input ends
			const build = "make && if grep -q 'x \\* 5' value.c; then echo patched build; cat; fi"
			cmd := exec.Command(filepath.Join(bin, "patchmake"), "--build-cmd", "sh -c \""+build+"\"", "-i", "p1", "fix.patch")
			held, _, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			cmd.Dir, cmd.Env = dir, append(cleanEnviron(), "PATH="+bin+":"+os.Getenv("PATH"))
			cmd.Stdin = held
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			readUntil(t, stderr, "patched build")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if sig != syscall.SIGKILL && cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			assertContains(t, readFile(t, filepath.Join(dir, "value.c")), "x * 31 + 7")
			mustRun(t, 0, dir, nil, "patchmake", "-i", "p1", "fix.patch")
		})
	}
}

func readUntil(t *testing.T, r interface{ Read([]byte) (int, error) }, text string) {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(all.String(), text) {
		n, err := r.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			t.Fatalf("no %q in %s", text, all.String())
		}
	}
}
