//go:build amd64

package unwind_test

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/test/testkit"
)

// fixture is a running testdata/stacks.c.
type fixture struct {
	*testkit.Proc
	t       *testing.T
	process *inspect.Process
	modules []unwind.Module
	want    []note
	named   map[uint64]string
}

// note is what a function of the fixture said of itself.
type note struct{ ret, cfa uint64 }

func startFixture(t *testing.T, program, mode string) *fixture {
	t.Helper()
	f := &fixture{Proc: testkit.Start(t, program, mode), t: t, named: map[uint64]string{}}
	for line := f.Next(); line != "ready"; line = f.Next() {
		var n note
		if _, err := fmt.Sscanf(line, "frame 0x%x 0x%x", &n.ret, &n.cfa); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		f.want = append(f.want, n)
	}
	p, err := inspect.Read(f.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	f.process = p
	for _, o := range append(p.Objects, vdso(t, p)) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		table, err := unwind.NewTable(o.ELF)
		if err != nil {
			t.Fatalf("%s: %v", o.Path, err)
		}
		if table.Skipped() != 0 {
			t.Errorf("%s: %d FDEs skipped", o.Path, table.Skipped())
		}
		f.modules = append(f.modules, unwind.Module{Start: uint64(o.Start), End: uint64(o.End), Bias: uint64(o.Bias), Table: table})
	}
	return f
}

func vdso(t *testing.T, p *inspect.Process) inspect.Object {
	t.Helper()
	o, err := p.VDSO()
	if err != nil {
		t.Fatal(err)
	}
	return *o
}

// name returns the function at a run-time address, "" if unknown.
func (f *fixture) name(at uint64) string {
	if name, ok := f.named[at]; ok {
		return name
	}
	f.named[at] = f.findName(at)
	return f.named[at]
}

func (f *fixture) findName(at uint64) string {
	o := f.process.ObjectAt(inspect.Addr(at))
	if o == nil {
		return ""
	}
	link := uint64(o.LinkAddr(inspect.Addr(at)))
	for _, s := range slices.Concat(o.ELF.Symbols, o.ELF.DynSymbols) {
		if s.Type == elf.STT_FUNC && s.Defined() && link >= s.Value && link < s.Value+s.Size {
			return s.Name
		}
	}
	return ""
}

func (f *fixture) names(s unwind.Stack) []string {
	var names []string
	for _, frame := range s.Frames {
		name := f.name(frame.At)
		if frame.Signal {
			name = "<signal>"
		}
		names = append(names, name)
	}
	return names
}

// tracee is a thread held by this test's ptrace. All its calls come from one OS thread.
type tracee struct {
	t   *testing.T
	tid int
}

// attach stops a thread; it is let go at the end of the test or by release.
func attach(t *testing.T, tid int) *tracee {
	t.Helper()
	runtime.LockOSThread()
	p := &tracee{t: t, tid: tid}
	t.Cleanup(func() { p.release(); runtime.UnlockOSThread() })
	if err := unix.PtraceSeize(tid); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceInterrupt(tid); err != nil {
		t.Fatal(err)
	}
	p.wait()
	return p
}

func (p *tracee) wait() unix.WaitStatus {
	p.t.Helper()
	var ws unix.WaitStatus
	if _, err := unix.Wait4(p.tid, &ws, unix.WALL, nil); err != nil || !ws.Stopped() {
		p.t.Fatalf("wait for %d: %v, status 0x%x", p.tid, err, uint32(ws))
	}
	return ws
}

func (p *tracee) release() {
	if p.tid != 0 {
		_ = unix.PtraceDetach(p.tid)
		p.tid = 0
	}
}

func (p *tracee) regs() unwind.Regs {
	p.t.Helper()
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(p.tid, &r); err != nil {
		p.t.Fatal(err)
	}
	return unwind.Regs{PC: r.Rip, SP: r.Rsp, Valid: unwind.AllValid, Reg: [arch.DWARFRegisters]uint64{
		r.Rax, r.Rdx, r.Rcx, r.Rbx, r.Rsi, r.Rdi, r.Rbp, r.Rsp,
		r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip,
	}}
}

// builds are how the fixture is compiled.
var builds = []struct {
	name  string
	flags []string
}{
	{"O0", []string{"-O0"}},
	{"O2", []string{"-O2", "-fomit-frame-pointer", "-fno-optimize-sibling-calls"}},
	{"O2-nopie-lazy", []string{"-O2", "-no-pie", "-fno-pie", "-Wl,-z,lazy", "-fno-optimize-sibling-calls"}},
	{"static", []string{"-O2", "-static", "-fno-optimize-sibling-calls"}},
}

func compile(t *testing.T, flags []string) string {
	t.Helper()
	source := filepath.Join(testkit.Root(t), "engine", "unwind", "testdata", "stacks.c")
	return testkit.CC(t, t.TempDir(), "stacks", append(flags, "-pthread", source)...)
}

func TestWalkRealStacks(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	tests := []struct {
		mode    string
		inside  []string // function names that must be there in this order, innermost first
		signals int
	}{
		{mode: "plain", inside: []string{"block", "main", "_start"}},
		{mode: "qsort", inside: []string{"block", "compare", "run_qsort", "main", "_start"}},
		{mode: "signal", signals: 2, inside: []string{"block", "handler", "<signal>", "outer_handler", "<signal>", "run_signal", "main"}},
		{mode: "altstack", signals: 1, inside: []string{"block", "handler", "<signal>", "run_altstack", "main", "_start"}},
		{mode: "fault", signals: 1, inside: []string{"block", "handler", "<signal>", "run_fault", "main", "_start"}},
		{mode: "alloca", inside: []string{"block", "run_alloca", "main", "_start"}},
		{mode: "deep", inside: []string{"block", "run_deep", "run_deep", "main", "_start"}},
		{mode: "noreturn", inside: []string{"block", "never", "run_noreturn", "main", "_start"}},
		{mode: "thread", inside: []string{"block", "run_thread"}},
	}
	for _, build := range builds {
		t.Run(build.name, func(t *testing.T) {
			program := compile(t, build.flags)
			for _, tt := range tests {
				t.Run(tt.mode, func(t *testing.T) {
					f := startFixture(t, program, tt.mode)
					tid := f.process.Threads[len(f.process.Threads)-1].TID
					thread := attach(t, tid)
					stack := unwind.NewWalker(unwind.MachineOf(&arch.X86_64), f.modules).Walk(f.process.Mem(), thread.regs(), 0)
					thread.release()
					f.checkStack(stack, tt.inside, tt.signals)
				})
			}
		})
	}
}

func (f *fixture) checkStack(s unwind.Stack, inside []string, signals int) {
	f.t.Helper()
	names := f.names(s)
	if !s.Complete {
		f.t.Fatalf("incomplete: %s; frames %q", s.Why, names[max(0, len(names)-20):])
	}
	rest, got := names, 0
	for _, name := range inside {
		i := slices.Index(rest, name)
		if i < 0 {
			f.t.Fatalf("no %q among %q", name, rest[:min(len(rest), 30)])
		}
		rest = rest[i+1:]
	}
	for _, frame := range s.Frames {
		if frame.Signal {
			got++
		}
	}
	if got != signals {
		f.t.Errorf("%d signal frames, want %d", got, signals)
	}
	f.checkNotes(s)
}

// checkNotes compares with what the compiler knew: the frame with that CFA returns to that address.
func (f *fixture) checkNotes(s unwind.Stack) {
	f.t.Helper()
	i := 0
	for _, want := range f.want {
		for i < len(s.Frames) && s.Frames[i].CFA != want.cfa {
			i++
		}
		if i+1 >= len(s.Frames) {
			f.t.Fatalf("no frame with CFA 0x%x (function that returns to %s)", want.cfa, f.name(want.ret-1))
		}
		if got := s.Frames[i+1].PC; got != want.ret {
			f.t.Fatalf("frame with CFA 0x%x returns to 0x%x, want 0x%x", want.cfa, got, want.ret)
		}
	}
}

// TestWalkEveryInstruction steps through prologues, epilogues, PLT entries, lazy binding and libc, and finds the same
// frame of main from each instruction.
func TestWalkEveryInstruction(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, build := range builds {
		t.Run(build.name, func(t *testing.T) {
			f := startFixture(t, compile(t, build.flags), "steps")
			thread := attach(t, f.PID)
			mark := f.symbol("mark")
			f.Send("x") // for block, which the thread is in; the end of the line is for the block that is stepped through
			thread.runTo(mark)
			stack := unwind.NewWalker(unwind.MachineOf(&arch.X86_64), f.modules).Walk(f.process.Mem(), thread.regs(), 0)
			outer := mainFrame(f, stack)
			walker, steps, marks, plt := unwind.NewWalker(unwind.MachineOf(&arch.X86_64), f.modules), 0, 0, 0
			for ; marks < 1 && steps < 20000; steps++ {
				thread.step(f)
				regs := thread.regs()
				stack := walker.Walk(f.process.Mem(), regs, 0)
				if build.name == "static" && f.inPLT(regs.PC) {
					f.checkNoRules(stack, regs)
					continue
				}
				if got := mainFrame(f, stack); !stack.Complete || got != outer {
					t.Fatalf("step %d at 0x%x (%s): %+v, want %+v; complete %v %s; %q",
						steps, regs.PC, f.name(regs.PC), got, outer, stack.Complete, stack.Why, f.names(stack))
				}
				if regs.PC == mark {
					marks++
				}
				if f.inPLT(regs.PC) {
					plt++
				}
			}
			if marks == 0 {
				t.Fatalf("not at the second mark after %d steps", steps)
			}
			if plt == 0 && build.name != "static" {
				t.Error("no PLT entry was stepped through")
			}
			t.Logf("%d instructions, %d in PLT entries", steps, plt)
		})
	}
}

// checkNoRules checks what is said where the linker writes no CFI: the entries of .plt in static programs.
func (f *fixture) checkNoRules(s unwind.Stack, regs unwind.Regs) {
	f.t.Helper()
	if s.Complete || len(s.Frames) != 1 || s.ScanFrom != regs.SP || !strings.Contains(s.Why, "no unwind data") {
		f.t.Fatalf("at 0x%x without CFI: %+v", regs.PC, s)
	}
}

func mainFrame(f *fixture, s unwind.Stack) unwind.Frame {
	for _, frame := range s.Frames {
		if f.name(frame.At) == "main" {
			return frame
		}
	}
	return unwind.Frame{}
}

func (f *fixture) symbol(name string) uint64 {
	f.t.Helper()
	o := f.process.Main()
	for _, s := range o.ELF.Symbols {
		if s.Name == name {
			return uint64(o.Addr(inspect.LinkAddr(s.Value)))
		}
	}
	f.t.Fatalf("no symbol %s", name)
	return 0
}

func (f *fixture) inPLT(pc uint64) bool {
	o := f.process.Main()
	link := uint64(o.LinkAddr(inspect.Addr(pc)))
	return slices.ContainsFunc(o.ELF.Sections, func(s elfobj.Section) bool {
		return strings.HasPrefix(s.Name, ".plt") && link >= s.Addr && link < s.Addr+s.Size
	})
}

// runTo lets the thread run into a breakpoint at an address, and takes the breakpoint away.
func (p *tracee) runTo(addr uint64) {
	p.t.Helper()
	saved := make([]byte, 1)
	must := func(_ int, err error) {
		if p.t.Helper(); err != nil {
			p.t.Fatal(err)
		}
	}
	must(unix.PtracePeekText(p.tid, uintptr(addr), saved))
	must(unix.PtracePokeText(p.tid, uintptr(addr), []byte{0xcc}))
	must(0, unix.PtraceCont(p.tid, 0))
	if ws := p.wait(); ws.StopSignal() != unix.SIGTRAP {
		p.t.Fatalf("stopped by %v", ws.StopSignal())
	}
	must(unix.PtracePokeText(p.tid, uintptr(addr), saved))
	var r unix.PtraceRegs
	must(0, unix.PtraceGetRegs(p.tid, &r))
	r.Rip = addr
	must(0, unix.PtraceSetRegs(p.tid, &r))
}

func (p *tracee) step(f *fixture) {
	p.t.Helper()
	if err := unix.PtraceSingleStep(p.tid); err != nil {
		p.t.Fatal(err)
	}
	if ws := p.wait(); ws.StopSignal() != unix.SIGTRAP {
		p.t.Fatalf("stopped by %v at 0x%x", ws.StopSignal(), p.regs().PC)
	}
}
