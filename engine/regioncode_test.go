package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/arch"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// patched returns the only patch of a ticker to which one was applied that was compiled with further options.
func patched(t *testing.T, flags ...string) (*inspect.Process, *live) {
	t.Helper()
	s, program := startTicker(t, "-O2")
	mustApply(t, s.p.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: tickerPatch, Flags: flags}))
	p := look(t, s.p.PID)
	list, err := liveRegions(p)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d patches, %v", len(list), err)
	}
	return p, &list[0]
}

// TestRegionCode: all of a region is code that nobody may be in, each function of it is entered at its start, and no call returns to the rest.
func TestRegionCode(t *testing.T) {
	for _, row := range []struct {
		name  string
		flags []string
		known bool
	}{
		{"all have unwind data", nil, true},
		{"functions aligned", []string{"-falign-functions=64"}, true},
		{"no unwind data", []string{"-fno-asynchronous-unwind-tables", "-fno-unwind-tables"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, l := patched(t, row.flags...)
			code := l.code(p)
			starts, ok := entrances(code)
			if ok != row.known {
				t.Errorf("entrances %x are known: %t", starts, ok)
			}
			for _, f := range l.Functions {
				if row.known && !slices.Contains(starts, uint64(f.New)) {
					t.Errorf("%s is not entered at %x: %x", f.Name, f.New, starts)
				}
				if i := slices.IndexFunc(code, func(c Code) bool { return c.Start <= f.New && f.New < c.End }); code[i].Function != f.Name {
					t.Errorf("%s is taken for %s", f.Name, code[i].Function)
				}
			}
			x := newCodeIndex(code)
			text, _ := l.text()
			for at := l.Start; at < l.Start+inspect.Addr(l.Size); at++ {
				if i := x.find(uint64(at)); i < 0 && (at < text.Lo || at >= text.Hi || !row.known) {
					t.Fatalf("%x is no code", at)
				}
			}
			for _, w := range []struct {
				what string
				at   inspect.Addr
				want bool
			}{
				{"behind a call", l.Functions[0].New + 3, true},
				{"where the text ends", text.Hi, true},
				{"header", l.Start + 9, false},
				{"data", l.Start + inspect.Addr(l.Size) - 8, false},
			} {
				word := binary.LittleEndian.AppendUint64(nil, uint64(w.at))
				if hits, err := machineOf(p).Scan(bytes.NewReader(word), 0, 8, x.returns); err != nil || (len(hits) > 0) != w.want {
					t.Errorf("a word that leads to %s: %v, %v", w.what, hits, err)
				}
			}
		})
	}
}

// TestDataIsNoCode: what a patch has beside its functions is not looked at as code that switches stacks, whatever it looks like.
func TestDataIsNoCode(t *testing.T) {
	s, program := startTicker(t, "-O2")
	const looks = `
extern int calls;
static const unsigned words[] = {
#ifdef __x86_64__
	0x90909090, 0x90909090, 0x90909090, 0x90909090, 0xfffc8948, 0x909090e6, /* mov %rdi, %rsp; jmp *%rsi */
#else
	0xd503201f, 0xd503201f, 0xd503201f, 0x9100001f, 0xd61f0020, /* mov sp, x0; br x1 */
#endif
};
int value(int x) { return x + words[calls++ & 3]; }
`
	mustApply(t, s.p.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: looks}))
	p := look(t, s.p.PID)
	list, err := liveRegions(p)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d patches, %v", len(list), err)
	}
	tables := modules(p, unwindDataOf(p))
	if switchesInMemory(p, tables, list) {
		t.Error("data of the patch are taken for code that switches stacks")
	}
	if !switchesInMemory(p, tables, nil) {
		t.Error("as code they do not look like such")
	}
}

// TestWithoutData: around a patch all is code, and in it what its text is.
func TestWithoutData(t *testing.T) {
	l := live{Region: inspect.Region{Start: 0x2000, Size: 0x3000}, ours: true}
	l.state.text.offset, l.state.text.size = 0x1000, 0x800
	got := withoutData(inspect.Span{Start: 0x1000, End: 0x6000}, []live{l})
	if want := []inspect.Span{{Start: 0x1000, End: 0x2000}, {Start: 0x3000, End: 0x3800}, {Start: 0x5000, End: 0x6000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	l.ours = false // where its code is is not known
	if got := withoutData(inspect.Span{Start: 0x1000, End: 0x6000}, []live{l}); len(got) != 1 {
		t.Errorf("of another's patch: %x", got)
	}
}

// TestPassedOver: where a hook passes over the first instruction of a function, the function is entered both ways.
func TestPassedOver(t *testing.T) {
	l := live{Region: inspect.Region{Machine: &arch.AArch64, Functions: []inspect.RegionFunction{{Name: "f", New: 0x1004}}}}
	got := l.function(unwind.Extent{Start: 0x1000, End: 0x1020, Known: true})
	if want := []Code{{0x1000, 0x1004, "f", nowhere}, {0x1004, 0x1020, "f", atStart}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestHiddenFunction: a function of which the unwind data know nothing may be entered by anybody.
func TestHiddenFunction(t *testing.T) {
	p, l := patched(t, "-falign-functions=64")
	functions := l.code(p)
	gap := functions[0].End // padding up to the next
	if gap == functions[1].Start {
		t.Fatalf("no gap at %x", gap)
	}
	if err := pokeMemory(p.PID, int64(gap), []byte{0xc3}); err != nil {
		t.Fatal(err)
	}
	l.all = nil
	if starts, ok := entrances(l.code(p)); ok {
		t.Errorf("entered at %x alone", starts)
	}
}

// TestRemovalCounted: who enters what a removal takes away is counted.
func TestRemovalCounted(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, coroutines, []string{"-O2"})
	proc := testkit.Start(t, program, "swapcontext", "mmap")
	proc.WaitLine("ready")
	mustApply(t, proc.PID, handpatch.Build(t, handpatch.Spec{Program: program, Source: `int work(int x) { return 2; }`}))
	p := look(t, proc.PID)
	removal, err := NewRemoval(p, "0001", nil)
	if err != nil {
		t.Fatal(err)
	}
	check := newChecker(p, removal.Code)
	t.Cleanup(check.unwatch)
	if in := watch(t, check); len(in) > 0 || check.entries == nil || check.entered() {
		t.Fatalf("in it: %+v, counted: %t", in, check.entries != nil)
	}
	proc.Send("value")
	expect(t, proc.WaitLine("work"), "work 2")
	if !check.entered() {
		t.Error("not counted")
	}
}
