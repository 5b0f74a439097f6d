package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Context is a place where glibc keeps the registers of a stack that no thread needs to be running on, a
// coroutine's for instance: a jmp_buf (sigsetjmp) or a ucontext_t (swapcontext, makecontext). What such a place once held
// stays there when it is of no more use, so it may also be an old one.
type Context struct {
	Addr    uint64 // of its first byte
	machine *Machine
	kind    *contextKind
}

// contextKind says where the registers are.
type contextKind struct {
	at      [maxRegs]int // offset of each register by DWARF number
	valid   uint64       // bit n: register n is kept
	mangled uint64       // bit n: xored with the secret and rotated (glibc's PTR_MANGLE)
	size    int          // bytes from the start to the end of the last
}

func newContextKind(at map[int]int, mangled uint64) *contextKind {
	k := &contextKind{mangled: mangled}
	for n, offset := range at {
		k.at[n] = offset
		k.valid |= 1 << n
		k.size = max(k.size, offset+8)
	}
	return k
}

// Contexts finds what may be contexts in the memory [from, to): their stack pointer and program counter are such as
// plausible accepts. secret is the process' pointer guard. An error means that not all of it could be read.
func (m *Machine) Contexts(mem io.ReaderAt, from, to, secret uint64, plausible func(sp, pc uint64) bool) ([]Context, error) {
	var found []Context
	buf := make([]byte, min(1<<20, to-min(from, to)))
	overlap := uint64(m.mark + 8)
	for at := (from + 7) &^ 7; at < to; {
		want := min(uint64(len(buf)), to-at)
		n, err := mem.ReadAt(buf[:want], int64(at))
		found = append(found, m.contextsIn(buf[:n&^7], at, secret, plausible)...)
		if uint64(n) < want {
			return found, fmt.Errorf("memory at 0x%x cannot be read: %w", at+uint64(n), err)
		}
		if at+want >= to {
			break
		}
		at += want - overlap
	}
	return found, nil
}

// contextsIn finds contexts that lie in data as a whole, but for the end of a ucontext_t.
func (m *Machine) contextsIn(data []byte, at, secret uint64, plausible func(sp, pc uint64) bool) (found []Context) {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(data[i:]) }
	for i := 0; i+8 <= len(data); i += 8 {
		w := word(i)
		if start := i - m.mark; start >= 0 && m.marked(w, at+uint64(start)) {
			if plausible(word(start+m.userState.at[m.sp]), word(start+m.userState.at[m.pc])) {
				found = append(found, Context{at + uint64(start), m, m.userState})
			}
		}
		start := i - m.jumpBuffer.at[m.sp]
		pcAt := start + m.jumpBuffer.at[m.pc]
		if sp := m.demangle(w, secret); sp < m.userEnd && start >= 0 && start+m.jumpBuffer.size <= len(data) && plausible(sp, m.demangle(word(pcAt), secret)) {
			found = append(found, Context{at + uint64(start), m, m.jumpBuffer})
		}
	}
	return found
}

var errNoContext = errors.New("holds no registers any more")

// Size is how many bytes the registers of a context take, from its first one on.
func (c Context) Size() int { return c.kind.size }

// Regs returns the registers in the bytes of a context. Its program counter is a return address, or the start of a function
// that has not begun.
func (c Context) Regs(data []byte, secret uint64, plausible func(sp, pc uint64) bool) (Regs, error) {
	r := Regs{Valid: c.kind.valid}
	for n := range r.Reg {
		if c.kind.valid&(1<<n) == 0 {
			continue
		}
		r.Reg[n] = binary.LittleEndian.Uint64(data[c.kind.at[n]:])
		if c.kind.mangled&(1<<n) != 0 {
			r.Reg[n] = c.machine.demangle(r.Reg[n], secret)
		}
	}
	r.SP, r.PC = r.Reg[c.machine.sp], r.Reg[c.machine.pc]
	if !plausible(r.SP, r.PC) {
		return r, errNoContext
	}
	return r, nil
}

// resumed returns where a context goes on once code of the C library has given it its registers.
func (m *Machine) resumed(mem io.ReaderAt, regs Regs) (uint64, bool) {
	if m.resumes == nil {
		return 0, false
	}
	code := make([]byte, 12)
	n, _ := mem.ReadAt(code, int64(regs.PC)) // less at the end of a mapping
	register, ok := m.resumes(code[:n])
	return regs.Reg[register] & m.address, ok && regs.Valid&(1<<register) != 0
}

// ReturnsTo reports whether an address is one that a call returns to: the code before it is a call.
func (m *Machine) ReturnsTo(mem io.ReaderAt, addr uint64) bool {
	code := make([]byte, m.longestCall)
	n, err := mem.ReadAt(code, int64(addr)-int64(len(code)))
	return err == nil && n == len(code) && m.endsInCall(code)
}
