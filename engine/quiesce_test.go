package engine

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
	"gocare/internal/arch"
)

func TestStackEnd(t *testing.T) {
	stack := inspect.Mapping{Start: 0x1000, End: 0x9000, Path: "[stack]"}
	other := inspect.Mapping{Start: 0x1000, End: 0x9000}
	for _, tt := range []struct {
		name    string
		m       inspect.Mapping
		from, s inspect.Addr
		want    inspect.Addr
	}{
		{"the first thread", stack, 0x2000, 0x8000, 0x8000},
		{"not shown", stack, 0x2000, 0, 0x9000},
		{"above the start", stack, 0x8100, 0x8000, 0x9000},
		{"elsewhere", stack, 0x2000, 0xa000, 0x9000},
		{"another thread's stack", other, 0x2000, 0x8000, 0x9000},
	} {
		if got := stackEnd(tt.m, tt.from, tt.s); got != tt.want {
			t.Errorf("%s: got %#x, want %#x", tt.name, uint64(got), uint64(tt.want))
		}
	}
}

// TestStartStack: the kernel shows where a live process' first stack began, and it is below the arguments' strings.
func TestStartStack(t *testing.T) {
	st, err := inspect.Status(os.Getpid())
	if err != nil || st.StartStack == 0 || st.StartStack%16 != 0 {
		t.Fatalf("start of the stack %#x, %v", uint64(st.StartStack), err)
	}
}

// TestModulesVDSO: a thread may be stopped in the kernel's own library, which is no file and among no objects.
func TestModulesVDSO(t *testing.T) {
	p := look(t, os.Getpid())
	o, err := p.VDSO()
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		t.Skip("the kernel maps no vdso")
	}
	if !slices.ContainsFunc(modules(p, unwindDataOf(p)), func(m unwind.Module) bool { return m.Start == uint64(o.Start) && m.End == uint64(o.End) }) {
		t.Errorf("no unwind table for %#x-%#x", uint64(o.Start), uint64(o.End))
	}
}

// TestNextFunction: where replaced code ends counts only if a call returns there.
func TestNextFunction(t *testing.T) {
	code := func(last ...byte) []byte { return append(bytes.Repeat([]byte{0x90}, 64-len(last)), last...) }
	for _, tt := range []struct {
		name  string
		code  []byte // up to 64
		value uint64
		start uint64
		want  bool
	}{
		{"behind a return", code(0xc3), 64, 16, true},
		{"behind a call of what never returns", code(0xe8, 1, 2, 3, 4), 64, 16, false},
		{"behind a call through a register", code(0xff, 0xd0), 64, 16, false},
		{"within", code(0xc3), 63, 16, false},
		{"of code as short as a hook", code(0xe9, 1, 2, 3, 4), 64, 59, false},
	} {
		c := &checker{process: &inspect.Process{Machine: &arch.X86_64}, codeIndex: newCodeIndex([]Code{{Start: inspect.Addr(tt.start), End: 64}})}
		if got := c.isNextFunction(bytes.NewReader(tt.code), unwind.Hit{Value: tt.value}); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
