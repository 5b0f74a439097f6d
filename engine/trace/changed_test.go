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

// TestChangedShared: what processors share is looked at as a whole, whether others help, are late, or have no room.
func TestChangedShared(t *testing.T) {
	const count, apart = 500, 4096
	data := make([]byte, count*apart)
	var spans []Span
	for i := range count {
		spans = append(spans, Span{Addr: uint64(uintptr(unsafe.Pointer(&data[i*apart]))), Want: make([]byte, 1000)})
	}
	s := &Session{PID: os.Getpid()}
	c := NewComparison(spans)
	var want []int
	for _, i := range []int{count - 1, 0, 77, 300} {
		data[i*apart+999] = 1
		want = append(want, i)
		slices.Sort(want)
		if got := c.Changed(s); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("changed: %v, want %v", got, want)
		}
	}
	for len(c.room) > 0 {
		<-c.room
	}
	if got := c.Changed(s); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("alone: %v, want %v", got, want)
	}
}
