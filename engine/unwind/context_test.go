package unwind

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testSecret = 0x1122334455667788
	testSP     = 0x7ffd00001000
	testPC     = 0x401234
)

func likely(sp, pc uint64) bool { return sp == testSP && pc == testPC }

// contextMemory is 64 KiB from address base with a jmp_buf at 0x100 and a ucontext_t at 0x800.
func contextMemory(base uint64) []byte {
	data := make([]byte, 64<<10)
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(data[at:], v) }
	mangle := func(v uint64) uint64 { return bits.RotateLeft64(v^testSecret, 17) }
	put(0x100, 11)                // rbx
	put(0x108, mangle(12))        // rbp
	put(0x110, 13)                // r12
	put(0x100+48, mangle(testSP)) //
	put(0x100+56, mangle(testPC)) //
	put(0x800+128, 21)            // rbx
	put(0x800+160, testSP)
	put(0x800+168, testPC)
	put(0x800+224, base+0x800+424)
	return data
}

type memoryAt struct {
	base uint64
	*bytes.Reader
}

func (m memoryAt) ReadAt(p []byte, at int64) (int, error) {
	return m.Reader.ReadAt(p, at-int64(m.base))
}

func TestContexts(t *testing.T) {
	const base = 0x555555000000
	data := contextMemory(base)
	mem := memoryAt{base, bytes.NewReader(data)}
	found, err := x86.Contexts(mem, base, base+uint64(len(data)), testSecret, likely)
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v", found, err)
	}
	var got []Regs
	for _, c := range found {
		r, err := c.Regs(bytesOf(mem, c), testSecret, likely)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	want := []Regs{
		{PC: testPC, SP: testSP, Reg: [maxRegs]uint64{3: 11, 6: 12, 7: testSP, 12: 13, 16: testPC}, Valid: 1<<3 | 1<<6 | 1<<7 | 0xf<<12 | 1<<16},
		{PC: testPC, SP: testSP, Reg: [maxRegs]uint64{3: 21, 7: testSP, 16: testPC}, Valid: 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 0xf<<12 | 1<<16},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("registers (-want +got):\n%s", diff)
	}
	for i := range data { // they are gone when they are looked at again
		data[i] = 0
	}
	for _, c := range found {
		if _, err := c.Regs(bytesOf(mem, c), testSecret, likely); err == nil {
			t.Errorf("context at %#x still has registers", c.Addr)
		}
	}
}

func TestContextsAcrossReads(t *testing.T) {
	const base = 0x555555000000
	for _, before := range []int{1<<20 - 0x100 - 60, 1<<20 - 0x100 - 8, 1<<20 - 0x800 - 200, 1<<20 - 0x800 - 8} {
		before &^= 7
		data := append(make([]byte, before), contextMemory(base+uint64(before))...)
		found, err := x86.Contexts(memoryAt{base, bytes.NewReader(data)}, base, base+uint64(len(data)), testSecret, likely)
		addrs := map[uint64]bool{}
		for _, c := range found {
			addrs[c.Addr-base-uint64(before)] = true
		}
		if err != nil || !addrs[0x100] || !addrs[0x800] {
			t.Errorf("after %d bytes: %v, %v", before, addrs, err)
		}
	}
}

func FuzzContexts(f *testing.F) {
	const base = 0x555555000000
	f.Add(contextMemory(base)[:0x1000], uint64(testSecret))
	f.Fuzz(func(t *testing.T, data []byte, secret uint64) {
		mem := memoryAt{base, bytes.NewReader(data)}
		found, _ := x86.Contexts(mem, base, base+uint64(len(data)), secret, func(sp, pc uint64) bool { return sp%16 == 0 && pc != 0 })
		for _, c := range found {
			if c.Addr < base || c.Addr >= base+uint64(len(data)) {
				t.Errorf("context at %#x, outside of the memory", c.Addr)
			}
			_, _ = c.Regs(bytesOf(mem, c), secret, likely)
		}
	})
}

func bytesOf(mem io.ReaderAt, c Context) []byte {
	data := make([]byte, c.Size())
	_, _ = mem.ReadAt(data, int64(c.Addr)) // what cannot be read is no context
	return data
}
