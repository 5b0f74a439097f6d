package trace

import (
	"os"
	"slices"
	"testing"
	"unsafe"
)

// TestChanged compares this process' own memory: spans that overlap, lie far from each other, are empty, or are gone.
func TestChanged(t *testing.T) {
	data := []byte("unchanged bytes, of which some lie close together")
	far := make([]byte, 4096)
	at := func(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(&b[0]))) }
	spans := []Span{
		{Addr: at(far) + 1000, Want: make([]byte, 8)},
		{Addr: at(data), Want: []byte("unchanged")},
		{Addr: at(data) + 2, Want: []byte("changed bytes")},
		{Addr: at(data) + 4, Want: nil},
	}
	s := &Session{PID: os.Getpid()}
	if got := NewComparison(spans).Changed(s); len(got) != 0 {
		t.Errorf("nothing changed: %v", got)
	}
	c := NewComparison(spans)
	far[1007], data[13] = 1, 'X'
	got := c.Changed(s)
	if slices.Sort(got); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("changed: %v, want 0 and 2", got)
	}
	c = NewComparison(append(spans[1:2:2], Span{Addr: 8, Want: []byte("gone")}))
	if got := c.Changed(s); !slices.Contains(got, 1) {
		t.Errorf("what cannot be read counts as unchanged: %v", got)
	}
}
