package unwind

import (
	"testing"

	"gocare/internal/elfobj"
)

func BenchmarkNewTable(b *testing.B) {
	f, err := elfobj.Load("/lib/x86_64-linux-gnu/libc.so.6")
	if err != nil {
		b.Skip(err)
	}
	n := 0
	for b.Loop() {
		t, err := NewTable(f)
		if err != nil {
			b.Fatal(err)
		}
		n = t.Len()
	}
	b.ReportMetric(float64(n), "FDEs")
}

func BenchmarkWalk10000(b *testing.B) {
	stack := make([]uint64, 0, 20003)
	for range 10000 {
		stack = append(stack, 0x401150, 0)
	}
	stack = append(stack, 0x401250)
	mem := words(0x7000, stack...)
	modules := program(b)
	for b.Loop() {
		s := NewWalker(&x86, modules).Walk(mem, Regs{PC: 0x401000, SP: 0x7000, Valid: AllValid}, 0)
		if !s.Complete || len(s.Frames) != 10002 {
			b.Fatalf("%d frames, %s", len(s.Frames), s.Why)
		}
	}
}
