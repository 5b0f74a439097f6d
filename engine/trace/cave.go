package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"gocare/internal/fault"
)

// cave writes the trampoline to executable memory that holds nothing: behind the end of a segment, up to the end of its
// last page. What was there is put back when the session ends. It returns the address of the instruction that enters the kernel.
func (s *Session) cave() (uint64, error) {
	if s.trampoline != 0 {
		return s.trampoline + trampolineCall, nil
	}
	_, t, err := s.memory()
	if err != nil {
		return 0, err
	}
	ranges, err := executable(s.PID, t.TID)
	if err != nil {
		return 0, err
	}
	for _, r := range ranges {
		if s.noCave {
			break
		}
		at := r.end - uint64(len(trampoline))
		old := make([]byte, len(trampoline))
		if _, err := s.ReadAt(old, int64(at)); err != nil {
			continue
		}
		if bytes.Equal(old, trampoline) { // left by a run that was killed
			return at + trampolineCall, nil
		}
		if len(bytes.Trim(old, "\x00")) > 0 {
			continue
		}
		if _, err := s.WriteAt(trampoline, int64(at)); err != nil {
			continue
		}
		s.trampoline = at
		return at + trampolineCall, nil
	}
	return s.syscallInstruction(ranges)
}

// syscallInstruction returns the address of any instruction that enters the kernel. It serves where there is no room for
// the trampoline: then a thread is left with registers of ours if this program is killed in the middle of a call.
func (s *Session) syscallInstruction(ranges []addrRange) (uint64, error) {
	for _, r := range ranges {
		code := make([]byte, min(r.end-r.start, 1<<24))
		if _, err := s.ReadAt(code, int64(r.start)); err != nil {
			continue
		}
		if i := bytes.Index(code, syscallInsn); i >= 0 {
			return r.start + uint64(i), nil
		}
	}
	return 0, fault.Refuse(fault.NoSyscallInstruction, fmt.Sprintf("pid %d", s.PID), "no system call instruction in the code of any object")
}

// clearCave puts back what was where the trampoline is, unless a thread that has not got its registers back still needs it.
func (s *Session) clearCave() error {
	for _, t := range s.threads {
		s.keepCave = s.keepCave || t.saved != nil && !t.Stopped
	}
	if s.trampoline == 0 || s.keepCave {
		return nil
	}
	_, err := s.WriteAt(make([]byte, len(trampoline)), int64(s.trampoline))
	s.trampoline = 0
	return err
}

// frame writes what the trampoline needs to give a thread its registers back.
func (s *Session) frame(t *Thread) error {
	frame, returnAt, returnTo := t.Regs.frameBytes()
	if _, err := s.WriteAt(frame, int64(t.Regs.frame())); err != nil {
		return err
	}
	_, err := s.WriteAt(binary.LittleEndian.AppendUint64(nil, returnTo), int64(returnAt))
	return err
}

type addrRange struct{ start, end uint64 }

// executable lists the executable mappings of files, by way of a thread: those of a leader that has exited are not to be seen.
func executable(pid, tid int) ([]addrRange, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/maps", pid, tid))
	if err != nil {
		return nil, err
	}
	var list []addrRange
	for line := range strings.Lines(string(text)) {
		var r addrRange
		var perm, offset, dev string
		var inode uint64
		n, err := fmt.Sscanf(line, "%x-%x %s %s %s %d", &r.start, &r.end, &perm, &offset, &dev, &inode)
		if err == nil && n == 6 && perm == "r-xp" && inode != 0 {
			list = append(list, r)
		}
	}
	return list, nil
}
