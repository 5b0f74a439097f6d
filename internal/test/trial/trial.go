package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gocare/internal/test/gobuild"
)

// Programs are ours, and what is linked into every program that they are tried on.
type Programs struct {
	bin   string
	traps string // the carectl that leaves traps
	tail  string // an object linked behind each program's own, as in real programs something is
	guest *Guest // where the programs run that are built, nil for here
}

// Build builds our programs and the object behind into a directory. Where a machine is named ("aarch64"), programs are built for that and
// run in a guest.
func Build(ctx context.Context, dir, machine string) (*Programs, error) {
	p := &Programs{bin: filepath.Join(dir, "bin"), tail: filepath.Join(dir, "tail.o")}
	compiler := "gcc"
	if machine != "" {
		compiler = "aarch64-linux-gnu-gcc"
	}
	if err := gobuild.Programs(ctx, p.bin); err != nil {
		return nil, err
	}
	var err error
	if p.traps, err = gobuild.Traps(ctx, p.bin); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, compiler, "-O2", "-fPIC", "-x", "c", "-c", "-", "-o", p.tail)
	cmd.Stdin = strings.NewReader("void trial_tail(void) {}\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gcc: %w\n%s", err, out)
	}
	if machine == "" {
		return p, nil
	}
	if machine != "aarch64" {
		return nil, fmt.Errorf("MACHINE: no %q; there is aarch64", machine)
	}
	root, err := os.Getwd()
	if err == nil {
		p.guest, err = StartGuest(ctx, root, dir)
	}
	return p, err
}

// Stop ends the guest, if there is one.
func (p *Programs) Stop() {
	if p.guest != nil {
		p.guest.Stop()
	}
}

// The shapes of programs.
const (
	PIE     = "pie"
	NoPIE   = "nopie"
	Library = "library" // all of it in a shared library; a main that calls its main
)

// Config is how programs are made.
type Config struct{ Compiler, Level, Shape string }

// Trial is one program made in one way.
type Trial struct {
	*Programs
	Config
	Dir   string
	Flags []string
	Files []string // sources in the directory, and whatever else is linked
}

// Limit ends any one command.
const Limit = 3 * time.Minute

// Run runs a command in the trial's directory.
func (t *Trial) Run(ctx context.Context, args ...string) Result {
	return t.RunFor(ctx, Limit, args...)
}

// RunFor runs a command in the trial's directory for some time at most.
func (t *Trial) RunFor(ctx context.Context, limit time.Duration, args ...string) Result {
	env := []string{
		"PATH=" + t.bin + ":" + os.Getenv("PATH"), "KPATCH_ASM_DIR=" + filepath.Join(t.Dir, ".gocare"), "KPCCREAL=" + t.Compiler, "LC_ALL=C",
	}
	return Command{Dir: t.Dir, Env: env, Limit: limit, Args: args}.Run(ctx)
}

// RunProgram runs the trial's program, or another one that was built for its machine, for some time at most.
func (t *Trial) RunProgram(ctx context.Context, limit time.Duration, args ...string) Result {
	if t.guest == nil {
		return t.RunFor(ctx, limit, args...)
	}
	return t.guest.Run(ctx, Command{Dir: t.Dir, Limit: limit * emulated, Args: args})
}

// emulated is how many times longer a program may take in a guest.
const emulated = 5

// host is the program around a library.
const host = "int trial_main(); int main(int n, char **v) { return trial_main(n, v); }\n"

// Compile is the shell command that makes the program from its sources with a compiler.
func (t *Trial) Compile(compiler string) string {
	compiler = strings.Join(append([]string{compiler}, t.target()...), " ")
	flags := strings.Join(append([]string{compiler, "-w", "-" + t.Level}, t.Flags...), " ")
	files := strings.Join(append(t.Files[:len(t.Files):len(t.Files)], t.tail, "-lm"), " ")
	switch t.Shape {
	case NoPIE:
		flags += " -fno-pie -no-pie"
	case Library:
		return flags + " -fPIC -shared -Dmain=trial_main -o libprog.so " + files + " && " +
			"printf '" + host[:len(host)-1] + `\n' >host.c && ` + compiler + " -o prog host.c -L. -lprog -Wl,-rpath,'$ORIGIN'"
	}
	return flags + " -o prog " + files
}

// target is what makes clang a cross compiler, and its linker write a BuildID.
func (t *Trial) target() []string {
	if t.Programs.guest == nil || !strings.HasPrefix(t.Compiler, "clang") {
		return nil
	}
	return []string{"--target=aarch64-linux-gnu", "-Wl,--build-id"}
}

// Record builds the program through carecc.
func (t *Trial) Record(ctx context.Context) Result {
	return t.Run(ctx, "sh", "-c", t.Compile("carecc"))
}

// Patchmake runs patchmake in the trial's directory.
func (t *Trial) Patchmake(ctx context.Context, args ...string) Result {
	return t.Run(ctx, append([]string{filepath.Join(t.bin, "patchmake")}, args...)...)
}

// Make makes a patch from the arguments of patchmake.
func (t *Trial) Make(ctx context.Context, args ...string) Result {
	if err := os.RemoveAll(filepath.Join(t.Dir, "patchroot")); err != nil {
		return Result{Status: -1, Err: err.Error()}
	}
	return t.Patchmake(ctx, append([]string{
		"--json", "--build-cmd", `[ -z "$(find . -maxdepth 1 -name '*.[ch]' -newer prog)" ] || { ` + t.Compile("carecc") + "; }",
		"--install-cmd", `mkdir -p "$DESTDIR" && cp prog $(ls | grep '\.so$') "$DESTDIR"`,
	}, args...)...)
}

// RunPatched runs the program with its patch for some time at most, what the patch replaces overwritten by traps.
func (t *Trial) RunPatched(ctx context.Context, limit time.Duration, args ...string) Result {
	carectl := t.traps
	if t.guest != nil {
		carectl = GuestTraps
	}
	return t.RunProgram(ctx, limit, append([]string{carectl, "run", "patchroot", "--", "lpmake/prog"}, args...)...)
}

// Outcome says what became of a program.
type Outcome string

// The outcomes.
const (
	Unfit   Outcome = "unfit"   // nothing can be said of it
	Passed  Outcome = "passed"  // with its patch it does what it should
	Refused Outcome = "refused" // no patch, for a reason with a name
	Same    Outcome = "same"    // the edit changes no code
	Wrong   Outcome = "wrong"   // anything else
)

// Refusal is why no patch was made.
type Refusal struct{ Code, Message string }

// Judge reads why patchmake ended with an error: an answer without a code of its own, or one that blames the build, is wrong.
func Judge(made Result) (Outcome, Refusal) {
	var document struct{ Error Refusal }
	if err := json.Unmarshal([]byte(made.Out), &document); err != nil {
		return Wrong, Refusal{}
	}
	switch document.Error.Code {
	case "", "bug", "failed", "environment", "usage", "build-failed":
		return Wrong, document.Error
	case "nothing-changed":
		return Same, document.Error
	}
	return Refused, document.Error
}
