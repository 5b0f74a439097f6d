package engine

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"

	"gocare/engine/inspect"
	"gocare/engine/trace"
	"gocare/engine/unwind"
	"gocare/internal/elfobj"
)

// This file looks at stacks that no thread runs on, those of suspended coroutines: old code on them would go on, and call
// new code in the old way.

// largestHeap is the size in bytes above which a mapping is not searched for coroutines: it is a guest's memory or a cache.
const largestHeap = 1 << 30

// suspended knows where a process keeps the registers of stacks that no thread runs on.
type suspended struct {
	process  *inspect.Process
	secret   uint64            // glibc's pointer guard
	maps     []inspect.Mapping // of the last look
	contexts []unwind.Context
}

// newSuspended returns nil for a process that has no coroutines of a kind we know.
func newSuspended(p *inspect.Process) *suspended {
	if !slices.ContainsFunc(p.Objects, func(o inspect.Object) bool { return switchesStacks(o.ELF) }) {
		return nil
	}
	const atRANDOM = 25 // <elf.h>; glibc takes the pointer guard from the second half of what is there
	var random [16]byte
	if _, err := p.Mem().ReadAt(random[:], int64(p.Auxv(atRANDOM))); err != nil {
		return nil
	}
	return &suspended{process: p, secret: binary.LittleEndian.Uint64(random[8:])}
}

// switchesStacks reports whether an object calls, or a static program holds, the functions of the C library that
// coroutines are made of.
func switchesStacks(f *elfobj.File) bool {
	if f == nil {
		return false
	}
	uses := func(name string) bool {
		undefined := func(s elfobj.Symbol) bool { return s.Name == name && !s.Defined() }
		defined := func(s elfobj.Symbol) bool { return s.Name == name && s.Defined() }
		return slices.ContainsFunc(f.DynSymbols, undefined) || len(f.DynSymbols) == 0 && slices.ContainsFunc(f.Symbols, defined)
	}
	return uses("swapcontext") || uses("setcontext") || uses("sigaltstack") && (uses("__sigsetjmp") || uses("_setjmp") || uses("setjmp"))
}

// look searches the memory of the running process for saved registers.
func (s *suspended) look() error {
	maps, err := s.process.Maps()
	if err != nil {
		return err
	}
	s.maps, s.contexts = maps, nil
	for i := range maps {
		m := &maps[i]
		if !mayHoldStack(m) {
			continue
		}
		spans, err := s.process.Populated(m.Start, m.End)
		if err != nil {
			continue // gone meanwhile
		}
		for _, at := range spans {
			found, _ := unwind.MachineOf(s.process.Machine).Contexts(s.process.Mem(), uint64(at.Start), uint64(at.End), s.secret, s.plausible)
			s.contexts = append(s.contexts, found...)
		}
	}
	return nil
}

func mayHoldStack(m *inspect.Mapping) bool {
	return m.Read && m.Write && m.Priv && m.End-m.Start <= largestHeap && !strings.HasPrefix(m.Path, "/dev/")
}

// plausible reports whether a stack pointer is in memory for stacks and a program counter in code.
func (s *suspended) plausible(sp, pc uint64) bool {
	stack, code := s.mapping(sp), s.mapping(pc)
	return stack != nil && stack.Write && stack.Priv && code != nil && code.Exec
}

func (s *suspended) mapping(addr uint64) *inspect.Mapping {
	i, _ := slices.BinarySearchFunc(s.maps, inspect.Addr(addr), func(m inspect.Mapping, at inspect.Addr) int {
		switch {
		case m.End <= at:
			return -1
		case m.Start > at:
			return 1
		}
		return 0
	})
	if i < len(s.maps) && s.maps[i].Start <= inspect.Addr(addr) && inspect.Addr(addr) < s.maps[i].End {
		return &s.maps[i]
	}
	return nil
}

// coroutine is a stack that no thread runs on.
type coroutine struct {
	context uint64 // address of its registers
	sp, end uint64 // of its innermost and its outermost frame
	frames  []unwind.Frame
}

// stacks walks the stacks of the contexts, leaving out those that threads run on: of these the threads know better.
func (s *suspended) stacks(mem io.ReaderAt, w *unwind.Walker, threads []threadStack) []coroutine {
	var list []coroutine
	for _, c := range s.contexts {
		regs, err := c.Regs(mem, s.secret, s.plausible)
		if err != nil {
			continue
		}
		stack := w.Walk(mem, regs, 0)
		co := coroutine{context: c.Addr, sp: regs.SP, end: stack.Frames[len(stack.Frames)-1].SP, frames: stack.Frames}
		co.frames[0].At = regs.PC - 1 // a return address; a function that has not begun will begin as the new one
		ofThread := func(t threadStack) bool {
			return stack.Complete && t.end == co.end || (!stack.Complete || t.end == 0) && s.mapping(t.sp) == s.mapping(co.sp)
		}
		if !slices.ContainsFunc(threads, ofThread) {
			list = append(list, co)
		}
	}
	return slices.DeleteFunc(list, func(c coroutine) bool { return dead(c, list) })
}

// dead reports whether registers lie where another coroutine's stack is free: they are an old jmp_buf's.
func dead(c coroutine, all []coroutine) bool {
	return slices.ContainsFunc(all, func(d coroutine) bool { return d.end == c.end && c.context >= c.sp && c.context < d.sp })
}

// threadStack is where the stack of a thread begins and ends; end is 0 if that is not known.
type threadStack struct{ sp, end uint64 }

// check returns a coroutine that is in any of the code of the checker.
func (s *suspended) check(c *checker, session *trace.Session) (*occupant, error) {
	for _, co := range s.stacks(session, c.walker, c.threads) {
		for _, f := range co.frames {
			if i := c.find(f.At); i >= 0 {
				return &occupant{function: c.code[i].Function, frames: co.frames}, nil
			}
		}
	}
	return s.checkNew(c, session)
}

// checkNew looks at memory mapped since the last look, where stacks may be whose registers are not known.
func (s *suspended) checkNew(c *checker, session *trace.Session) (*occupant, error) {
	maps, err := s.process.Maps()
	if err != nil {
		return nil, err
	}
	for i := range maps {
		m := &maps[i]
		if !mayHoldStack(m) {
			continue
		}
		spans, err := s.process.Populated(s.known(m), m.End)
		if err != nil {
			return nil, err
		}
		for _, at := range spans {
			hits, err := unwind.Scan(session, uint64(at.Start), uint64(at.End), c.ranges)
			if err != nil {
				return nil, err
			}
			if len(hits) > 0 {
				return &occupant{function: c.code[hits[0].Range].Function, guess: true}, nil
			}
		}
	}
	return nil, nil
}

// known returns where the part of a mapping begins that the last look did not see.
func (s *suspended) known(m *inspect.Mapping) inspect.Addr {
	at := m.Start
	for i := range s.maps {
		if o := &s.maps[i]; mayHoldStack(o) && o.Start <= at && o.End > at {
			at = min(o.End, m.End)
		}
	}
	return at
}
