package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
	"gocare/internal/fault"
	"gocare/internal/procfs"
)

// Read returns a snapshot of a process with the ELF file of every object loaded.
func Read(pid int) (*Process, error) {
	p, err := Look(pid)
	if err != nil {
		return nil, err
	}
	p.Load()
	return p, nil
}

// Load reads the ELF file of every object.
func (p *Process) Load() {
	for i := range p.Objects {
		p.Objects[i].Err = p.Objects[i].Load()
	}
}

// Look returns a snapshot of a process whose objects have their BuildID, but no ELF file until Object.Load. It is what
// to ask of every process of a machine.
func Look(pid int) (*Process, error) {
	return open(pid, func(p *Process) { p.Objects = p.findObjects() })
}

// Open returns a snapshot of a process without its Objects. Of files it reads the header of the executable alone.
func Open(pid int) (*Process, error) { return open(pid, func(*Process) {}) }

func open(pid int, more func(*Process)) (*Process, error) {
	p := &Process{PID: pid}
	if err := p.look(more); err != nil {
		p.Close()
		return nil, p.explain(err)
	}
	return p, nil
}

func (p *Process) look(more func(*Process)) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	p.PidFD = os.NewFile(uintptr(fd), "pidfd")
	if err := p.identify(); err != nil {
		return err
	}
	if err := p.readSpace(); err != nil {
		return err
	}
	more(p)
	if !p.Alive() {
		return syscall.ESRCH
	}
	return nil
}

// identify fills in what names the process and refuses those that have no address space of a program.
func (p *Process) identify() error {
	s, err := Status(p.PID)
	if err != nil {
		return err
	}
	p.StartTime, p.Comm, p.UID = s.StartTime, s.Comm, s.UID
	switch {
	case s.KernelThread():
		return fault.Refuse(fault.KernelThread, p.where(), "kernel thread %q has no program to patch", s.Comm)
	case s.TGID != p.PID:
		return p.isThread(s.TGID)
	}
	if p.Threads, err = listThreads(p.PID); err != nil {
		return err
	}
	for _, t := range p.Threads { // the leader if it lives, whatever the numbers: others come and go
		if t.State != 'Z' && t.State != 'X' && (p.Live == 0 || t.TID == p.PID) {
			p.Live = t.TID
		}
	}
	if p.Live == 0 {
		return fault.Refuse(fault.Zombie, p.where(), "process %q has ended and waits for its parent to collect it", p.Comm)
	}
	return nil
}

func (p *Process) isThread(of int) error {
	return fault.Refuse(fault.NoProcess, p.where(), "is a thread of process %d, not a process", of).WithHint("use -p %d", of)
}

// Exists returns why a number is not that of a process. Like Owner it reads nothing that a process can hold up.
func Exists(pid int) error {
	p := &Process{PID: pid}
	text, err := procfs.Read(p.proc("status"))
	if err != nil {
		return p.explain(err)
	}
	if s := parseStatus(text); s.TGID != pid {
		return p.isThread(s.TGID)
	}
	return nil
}

// readSpace reads what the address space holds.
func (p *Process) readSpace() error {
	var err error
	if p.Exe, err = os.Readlink(p.proc("exe")); err != nil {
		return err
	}
	if p.Machine, err = machineOf(p.proc("exe"), p.where()); err != nil {
		return err
	}
	if p.Mappings, err = p.Maps(); err != nil {
		return err
	}
	if p.mem, err = os.Open(p.proc("mem")); err != nil {
		return err
	}
	auxv, err := procfs.Read(p.proc("auxv"))
	if err != nil {
		return err
	}
	p.auxv = parseAuxv(auxv)
	if p.Machine, err = withPages(p.Machine, p.auxv[atPAGESZ], p.where()); err != nil {
		return err
	}
	return nil
}

// withPages returns the machine of a process with pages of the kernel's size; it refuses one that the machine does not have.
func withPages(machine *arch.Target, size uint64, where string) (*arch.Target, error) {
	if size == 0 { // a process that has ended has no vector
		return machine, nil
	}
	if with := machine.WithPages(size); with != nil {
		return with, nil
	}
	return nil, fault.Refuse(fault.Machine, where, "has pages of %d bytes; %s has %d to %d", size, machine.Name, machine.PageSize, machine.PageMax)
}

// explain turns what the kernel said into a cause with a code.
func (p *Process) explain(err error) error {
	if fault.As(err) != nil {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, syscall.EINVAL) && p.PidFD == nil:
		return fault.Refuse(fault.NoProcess, p.where(), "no such process").
			WithHint("the process may have ended; list processes with ps")
	case errors.Is(err, fs.ErrPermission):
		e := fault.New(fault.Environment, p.where(), "not allowed to read process %q of user %d", p.Comm, p.UID)
		e.Code = fault.Permission
		return e.WithCause(err).WithHint("run as root, or as the process' owner where kernel.yama.ptrace_scope is 0")
	}
	return fault.New(fault.Environment, p.where(), "cannot inspect the process").WithCause(err)
}

func (p *Process) where() string { return "pid " + strconv.Itoa(p.PID) }

// proc returns the path of a file of the process under /proc. That of the leader is empty once the leader has exited.
func (p *Process) proc(name string) string {
	pid := p.Live
	if pid == 0 {
		pid = p.PID
	}
	return fmt.Sprintf("/proc/%d/%s", pid, name)
}

// Alive reports whether the process still runs: same PID, same start time, a thread that has not ended.
func (p *Process) Alive() bool {
	s, err := Status(p.PID)
	if err != nil || s.StartTime != p.StartTime {
		return false
	}
	if s.State != 'Z' && s.State != 'X' {
		return true
	}
	threads, err := listThreads(p.PID)
	for _, t := range threads {
		if t.State != 'Z' && t.State != 'X' {
			return err == nil
		}
	}
	return false
}

// Close releases the file descriptors.
func (p *Process) Close() error {
	var errs []error
	for _, f := range []*os.File{p.PidFD, p.mem} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	p.PidFD, p.mem = nil, nil
	return errors.Join(errs...)
}

// Auxv returns an entry of the auxiliary vector (getauxval(3)), 0 if absent.
func (p *Process) Auxv(key uint64) uint64 { return p.auxv[key] }

// Entries of the auxiliary vector (<elf.h>).
const (
	atPHDR   = 3 // address of the executable's program headers
	atPAGESZ = 6 // bytes of a page
	atENTRY  = 9 // address of its entry point, which the dynamic loader jumps to when its own work is done
)

// Entry returns the entry point of the program that a process has executed.
func Entry(pid int) (Addr, error) {
	auxv, err := procfs.Read(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, err
	}
	return Addr(parseAuxv(auxv)[atENTRY]), nil
}

func parseAuxv(b []byte) map[uint64]uint64 {
	values := map[uint64]uint64{}
	for ; len(b) >= 16; b = b[16:] {
		values[binary.LittleEndian.Uint64(b)] = binary.LittleEndian.Uint64(b[8:])
	}
	return values
}

// Mem reads the memory of the process, offset = address. It belongs to p and ends with Close.
func (p *Process) Mem() io.ReaderAt { return p.mem }

// baseName returns the last element of a path in maps, without " (deleted)".
func baseName(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	return path[strings.LastIndexByte(path, '/')+1:]
}
