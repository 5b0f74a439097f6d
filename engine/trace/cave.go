package trace

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/procfs"
)

// callSite returns the address of an instruction that enters the kernel, with the code around it that gives a stopped thread its
// registers back should this program be killed in the middle of a call. That code is written to executable memory which holds nothing:
// behind the end of a segment, up to the end of its last page. What was there is put back when the session ends.
func (s *Session) callSite(t *Thread) (uint64, error) {
	if s.trampoline != 0 {
		if code, ok := t.Regs.callCode(s.trampoline); ok {
			_, err := s.WriteAt(code, int64(s.trampoline))
			return s.trampoline, err
		}
	}
	ranges, err := executable(s.PID, t.TID)
	if err != nil {
		return 0, err
	}
	for _, r := range ranges {
		at := r.end - uint64(callCodeSize)
		code, ok := t.Regs.callCode(at)
		if !ok || s.noCave || s.trampoline != 0 || !s.free(at, len(code)) {
			continue
		}
		if _, err := s.WriteAt(code, int64(at)); err != nil {
			continue
		}
		s.trampoline = at
		return at, nil
	}
	return s.syscallInstruction(ranges)
}

// free reports whether a cave holds nothing, or code for a call that a run which was killed has left and no thread executes.
func (s *Session) free(at uint64, size int) bool {
	old := make([]byte, size)
	if _, err := s.ReadAt(old, int64(at)); err != nil {
		return false
	}
	return len(bytes.Trim(old, "\x00")) == 0 || isCallCode(old) && s.nobodyIn(at, at+uint64(size))
}

// nobodyIn reports whether no thread executes code in [from, to), as far as the kernel says where they are.
func (s *Session) nobodyIn(from, to uint64) bool {
	tids, err := tasks(s.PID)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(tids, func(tid int) bool {
		pc, ok := s.programCounter(tid)
		return !ok || pc >= from && pc < to
	})
}

// programCounter returns where a thread is that does not run.
func (s *Session) programCounter(tid int) (uint64, bool) {
	if t := s.threads[tid]; t != nil && t.Stopped {
		return t.Regs.PC(), true
	}
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/syscall", s.PID, tid))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 { // "running"
		return 0, false
	}
	pc, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
	return pc, err == nil
}

// syscallInstruction returns the address of any instruction that enters the kernel. It serves where there is no room for
// the code of callSite: then a thread is left with registers of ours if this program is killed in the middle of a call.
func (s *Session) syscallInstruction(ranges []addrRange) (uint64, error) {
	for _, r := range ranges {
		code := make([]byte, min(r.end-r.start, 1<<24))
		if _, err := s.ReadAt(code, int64(r.start)); err != nil {
			continue
		}
		if i := instructionAt(code, syscallInsn, codeAlign); i >= 0 {
			return r.start + uint64(i), nil
		}
	}
	return 0, fault.Refuse(fault.NoSyscallInstruction, fmt.Sprintf("pid %d", s.PID), "no system call instruction in the code of any object")
}

// instructionAt returns the offset of the first place in code that starts a page where an instruction could be that begins at multiples of
// align bytes, -1 if there is none. Its bytes may stand elsewhere, too.
func instructionAt(code, insn []byte, align int) int {
	for from := 0; ; from++ {
		i := bytes.Index(code[from:], insn)
		if i < 0 {
			return -1
		}
		if from += i; from%align == 0 {
			return from
		}
	}
}

// clearCave puts back what was where the code for calls is, unless a thread that has not got its registers back still needs it.
func (s *Session) clearCave() error {
	for _, t := range s.threads {
		if t.saved != nil && !t.Stopped {
			return nil
		}
	}
	if s.trampoline == 0 {
		return nil
	}
	_, err := s.WriteAt(make([]byte, callCodeSize), int64(s.trampoline))
	s.trampoline = 0
	return err
}

type addrRange struct{ start, end uint64 }

// executable lists the executable mappings of files and, last, the kernel's own: a program may have moved its text to huge pages. It
// does so by way of a thread: those of a leader that has exited are not to be seen.
func executable(pid, tid int) ([]addrRange, error) {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/maps", pid, tid))
	if err != nil {
		return nil, err
	}
	var list, kernel []addrRange
	for line := range strings.Lines(string(text)) {
		r, file, ok := executableRange(line)
		switch {
		case !ok:
		case file:
			list = append(list, r)
		case strings.HasSuffix(line, " [vdso]\n"):
			kernel = append(kernel, r)
		}
	}
	return append(list, kernel...), nil
}

// executableRange reads a line of maps; ok is false unless it is of code that nobody can write to. A thread is stopped meanwhile.
func executableRange(line string) (r addrRange, file, ok bool) {
	span, rest, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(rest, "r-xp ") {
		return addrRange{}, false, false
	}
	start, end, _ := strings.Cut(span, "-")
	var err [2]error
	r.start, err[0] = strconv.ParseUint(start, 16, 64)
	r.end, err[1] = strconv.ParseUint(end, 16, 64)
	fields := strings.Fields(rest) // permissions, offset, device, inode, …
	if len(fields) < 4 || errors.Join(err[:]...) != nil {
		return addrRange{}, false, false
	}
	return r, fields[3] != "0", true
}
