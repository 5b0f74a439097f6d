package engine

import (
	"os"
	"slices"
	"testing"

	"gocare/engine/inspect"
	"gocare/engine/unwind"
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
	if !slices.ContainsFunc(modules(p), func(m unwind.Module) bool { return m.Start == uint64(o.Start) && m.End == uint64(o.End) }) {
		t.Errorf("no unwind table for %#x-%#x", uint64(o.Start), uint64(o.End))
	}
}
