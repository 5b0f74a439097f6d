package engine

import (
	"os"
	"testing"

	"gocare/engine/inspect"
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
