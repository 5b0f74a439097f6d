package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocare/internal/test/mutate"
	"gocare/internal/test/trial"
)

// pair is a program in two versions, on its way.
type pair struct {
	trial.Trial
	seed      int64
	arguments []string // of patchmake
	on        *machine
	*mutate.Pair
}

// edits are what was done, in words.
func (p *pair) edits() []string {
	if p.Pair == nil {
		return nil
	}
	return p.Edits
}

// newPair decides how the pair of a seed is made. Its sources depend on the seed alone.
func newPair(programs *trial.Programs, work string, seed int64, o option) *pair {
	r := rand.New(rand.NewSource(seed))
	p := &pair{seed: seed, arguments: []string{"fix.patch"}, on: o.on}
	p.Programs, p.Config, p.Dir = programs, o.rows[int(seed)%len(o.rows)], filepath.Join(work, fmt.Sprint(seed))
	p.Shape = []string{trial.PIE, trial.PIE, trial.NoPIE, trial.Library}[r.Intn(4)]
	p.Flags = append([]string{"-I/usr/include/csmith"}, o.on.flags...)
	if r.Intn(2) == 0 {
		p.Flags = append(p.Flags, "-g")
	}
	for _, flag := range o.on.some() {
		hides := p.Shape == trial.Library && flag == "-fvisibility=hidden" // the library's main
		if r.Intn(100) < 8 && !hides {
			p.Flags = append(p.Flags, flag)
		}
	}
	return p
}

// some are flags of some of the programs; both compilers know them.
func (m *machine) some() []string {
	return []string{
		"-ffunction-sections", "-fdata-sections", "-fcommon", "-fstack-protector-strong", "-fno-asynchronous-unwind-tables", "-fno-plt",
		m.landing, "-fno-omit-frame-pointer", "-fno-inline", "-fno-jump-tables", "-funroll-loops", "-fvisibility=hidden",
		"-fwrapv", "-D_FORTIFY_SOURCE=2", "-fno-strict-aliasing", "-fno-builtin", m.plain, "-fno-semantic-interposition", "-ftls-model=initial-exec",
	}
}

// csmithOptions are most often on.
var csmithOptions = []string{
	"--packed-struct", "--bitfields", "--unions", "--volatiles", "--consts", "--jumps", "--builtins", "--float", "--arg-structs", "--return-structs",
}

// generate has csmith make the program, and edits it.
func (p *pair) generate(ctx context.Context) error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	r := rand.New(rand.NewSource(^p.seed))
	args := []string{
		"csmith", "--concise", "--seed", fmt.Sprint(p.seed), "--max-funcs", fmt.Sprint(2 + r.Intn(6)), "--max-block-depth", fmt.Sprint(2 + r.Intn(2)),
		"--max-block-size", fmt.Sprint(2 + r.Intn(3)), "--max-expr-complexity", fmt.Sprint(3 + r.Intn(6)), "--max-array-len-per-dim", "6",
	}
	for _, option := range csmithOptions {
		if r.Intn(100) < 25 {
			option = "--no-" + strings.TrimPrefix(option, "--")
		}
		args = append(args, option)
	}
	made := p.RunFor(ctx, 20*time.Second, args...)
	if made.Status != 0 {
		return errors.New("csmith: no program")
	}
	var err error
	if p.Pair, err = mutate.Make(made.Out, p.seed); err != nil {
		return err
	}
	for _, sources := range []map[string]string{p.Before, p.After} {
		for name, text := range sources {
			sources[name] = p.on.spelled.Replace(text)
		}
	}
	p.Files = p.Sources()
	return nil
}

func write(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// verdict is what became of a pair.
type verdict struct {
	trial.Outcome
	why     string // discarded, refused or gone wrong
	changed bool   // the patched program does something else than the original
}

func discarded(format string, args ...any) verdict {
	return verdict{Outcome: trial.Unfit, why: fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) verdict {
	return verdict{Outcome: trial.Wrong, why: fmt.Sprintf(format, args...)}
}

const (
	soon   = 5 * time.Second  // a program that runs longer may never end
	slowly = 60 * time.Second // what ends soon does so, too, with a patch on a busy machine
)

// try takes the pair all the way.
func (p *pair) try(ctx context.Context) verdict {
	if err := p.generate(ctx); err != nil {
		return discarded("%v", err)
	}
	edited := p.other("edited")
	if err := errors.Join(write(p.Dir, p.Before), write(edited.Dir, p.After)); err != nil {
		return failed("%v", err)
	}
	want, v := p.expected(ctx, edited)
	if v.why != "" {
		return v
	}
	if err := p.diff(ctx); err != nil {
		return failed("%v", err)
	}
	if made := p.Record(ctx); made.Status != 0 {
		return discarded("the original does not compile: %s", firstError(made))
	}
	original := p.RunProgram(ctx, soon, "./prog", "1")
	v = judge(p.Make(ctx, p.arguments...), want, original, func() trial.Result { return p.RunPatched(ctx, slowly, "1") })
	if v.Outcome == trial.Wrong && p.undefined(ctx) {
		return discarded("undefined")
	}
	return v
}

// other is the pair's trial of other sources, in a directory of their own.
func (p *pair) other(dir string) *trial.Trial {
	t := p.Trial
	t.Dir = filepath.Join(p.Dir, dir)
	t.Flags = slices.Clone(t.Flags)
	return &t
}

// expected returns what the edited program does, if that is the same in whichever way it is made.
func (p *pair) expected(ctx context.Context, edited *trial.Trial) (trial.Result, verdict) {
	if r := edited.Run(ctx, "sh", "-c", edited.Compile(p.Compiler)); r.Status != 0 {
		return r, discarded("does not compile: %s", firstError(r))
	}
	want := edited.RunProgram(ctx, soon, "./prog", "1")
	if want.Status != 0 {
		return want, discarded("crashes or does not end")
	}
	for _, reference := range p.on.references {
		t := p.other("edited")
		t.Compiler, t.Flags, t.Shape = reference.compiler, append(t.Flags, reference.flags...), trial.PIE
		if r := t.Run(ctx, "sh", "-c", t.Compile(t.Compiler)); r.Status != 0 {
			return r, discarded("does not compile: %s", firstError(r))
		}
		if got := t.RunProgram(ctx, soon, "./prog", "1"); got != want {
			return want, discarded("does not do the same when compiled in another way")
		}
	}
	return want, verdict{}
}

// firstError is the first error of a compiler.
func firstError(r trial.Result) string {
	for line := range strings.Lines(r.Err) {
		if strings.Contains(line, "error") || strings.Contains(line, "undefined") {
			return strings.TrimSpace(line)
		}
	}
	return lastLines(r.Err, 1)
}

// diff writes the source patch.
func (p *pair) diff(ctx context.Context) error {
	args := []string{"diff", "-u", "--label", "a/NAME", "--label", "b/NAME", "NAME", "edited/NAME"}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.Before)) {
		one := slices.Clone(args)
		for i := range one {
			one[i] = strings.ReplaceAll(one[i], "NAME", name)
		}
		r := p.Run(ctx, one...)
		if r.Status > 1 || r.Status < 0 {
			return fmt.Errorf("diff: %v", r)
		}
		all.WriteString(r.Out)
	}
	return write(p.Dir, map[string]string{"fix.patch": all.String()})
}

// judge says what an answer of patchmake's means, and what the program does with its patch.
func judge(made, want, original trial.Result, patched func() trial.Result) verdict {
	if made.Status == 0 {
		if got := patched(); got != want {
			return failed("patched: %s", difference(want, got))
		}
		return verdict{Outcome: trial.Passed, changed: original != want}
	}
	outcome, why := trial.Judge(made)
	switch {
	case outcome == trial.Same && original != want:
		return failed("patchmake says that nothing changed; the original: %s", difference(want, original))
	case outcome == trial.Wrong:
		return failed("patchmake: %v", made)
	}
	return verdict{Outcome: outcome, why: why.Code + ": " + why.Message}
}

// difference says where two answers part.
func difference(want, got trial.Result) string {
	if want.Status != got.Status {
		return fmt.Sprintf("status %d, want %d: %s", got.Status, want.Status, lastLines(got.Err, 3))
	}
	w, g := strings.Split(want.Out+want.Err, "\n"), strings.Split(got.Out+got.Err, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d is %q, want %q", i+1, strings.Join(g[min(i, len(g)):min(i+1, len(g))], ""), w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

// undefined reports whether the edited program does what C leaves undefined, as far as sanitizers see it.
func (p *pair) undefined(ctx context.Context) bool {
	t := p.other("edited")
	t.Flags = append(t.Flags, "-O1", "-fsanitize=address,undefined", "-fno-sanitize=alignment", "-fno-sanitize-recover=all")
	t.Compiler, t.Shape = p.on.references[0].compiler, trial.PIE
	if r := t.Run(ctx, "sh", "-c", t.Compile(t.Compiler)); r.Status != 0 {
		return false
	}
	got := t.RunProgram(ctx, slowly, "./prog", "1")
	return got.Status != 0 && (strings.Contains(got.Err, "runtime error:") || strings.Contains(got.Err, "AddressSanitizer"))
}

// keep copies the pair below a directory.
func (p *pair) keep(dir string, v verdict) error {
	if p.Pair == nil {
		return nil
	}
	dir = filepath.Join(dir, fmt.Sprint(p.seed))
	fix, err := os.ReadFile(filepath.Join(p.Dir, "fix.patch"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(write(dir, p.Before), write(filepath.Join(dir, "edited"), p.After), write(dir, map[string]string{
		"fix.patch": string(fix), "repeat": p.repeat() + "\n" + p.Compile("carecc") + "\n" + v.why + "\n",
	}))
}

// repeat is the command that tries this pair again.
func (p *pair) repeat() string {
	command := fmt.Sprintf("make random N=1 SEED=%d COMPILERS=%s LEVELS=%s", p.seed, p.Compiler, p.Level)
	if p.on.name != "" {
		command += " MACHINE=" + p.on.name
	}
	return command
}
