package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gocare/internal/plain"
	"gocare/internal/procfs"
)

// ThreadStatus is what /proc/TID/status and /proc/TID/stat say of a thread.
type ThreadStatus struct {
	TID       int
	TGID      int // PID of its process
	Comm      string
	State     byte // 'R', 'S', 'D', 'T', 't', 'Z', 'X'
	UID       int  // effective
	StartTime uint64
	Flags     uint64 // kernel PF_* flags
	StartBrk  Addr   // 0 if not shown to us
	// StartStack is where the first thread's stack began: arguments, environment and auxiliary vector lie above. 0 if not
	// shown to us.
	StartStack Addr
}

// KernelThread reports whether the thread is one of the kernel's.
func (s *ThreadStatus) KernelThread() bool { return s.Flags&0x00200000 != 0 } // PF_KTHREAD

// Status reads the status of a process or thread.
func Status(pid int) (ThreadStatus, error) {
	status, err := procfs.Read(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ThreadStatus{}, err
	}
	stat, err := procfs.Read(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ThreadStatus{}, err
	}
	s := parseStatus(status)
	s.TID = pid
	return s, parseStat(stat, &s)
}

func parseStatus(text []byte) ThreadStatus {
	var s ThreadStatus
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		f := strings.Fields(value)
		if len(f) == 0 {
			continue
		}
		switch name {
		case "State":
			s.State = f[0][0]
		case "Tgid":
			s.TGID, _ = strconv.Atoi(f[0])
		case "Uid":
			if len(f) > 1 {
				s.UID, _ = strconv.Atoi(f[1])
			}
		}
	}
	return s
}

// parseStat reads the fields of /proc/PID/stat (proc_pid_stat(5)) that s needs: comm may hold blanks and parentheses.
func parseStat(text []byte, s *ThreadStatus) error {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return errors.New("stat: no command name")
	}
	s.Comm = plain.Line(string(text[open+1 : end]))
	f := strings.Fields(string(text[end+1:])) // f[0] is field 3
	if len(f) < 20 || len(f[0]) != 1 {
		return errors.New("stat: too few fields")
	}
	var err error
	if s.StartTime, err = strconv.ParseUint(f[22-3], 10, 64); err != nil {
		return fmt.Errorf("stat: start time: %w", err)
	}
	if s.Flags, err = strconv.ParseUint(f[9-3], 10, 64); err != nil {
		return fmt.Errorf("stat: flags: %w", err)
	}
	if len(f) > 28-3 {
		stack, _ := strconv.ParseUint(f[28-3], 10, 64)
		s.StartStack = Addr(stack)
	}
	if len(f) > 47-3 {
		brk, _ := strconv.ParseUint(f[47-3], 10, 64)
		s.StartBrk = Addr(brk)
	}
	return nil
}

// listThreads lists the threads of a process, in order of TID. Threads that end meanwhile are left out.
func listThreads(pid int) ([]Thread, error) {
	tids, err := threadIDs(pid)
	if err != nil {
		return nil, err
	}
	var threads []Thread
	for _, tid := range tids {
		text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
		if err != nil {
			continue
		}
		var s ThreadStatus
		if parseStat(text, &s) != nil {
			continue
		}
		end := bytes.LastIndexByte(text, ')')
		threads = append(threads, Thread{TID: tid, Comm: s.Comm, State: text[end+2]})
	}
	return threads, nil
}

// threadIDs lists the thread numbers of a process, in order, and nothing else: it is quick enough to be asked while stopped.
func threadIDs(pid int) ([]int, error) { return numbers(fmt.Sprintf("/proc/%d/task", pid)) }

// PIDs lists all processes, in order, but those of the kernel as far as it says so. Like Owner it reads nothing that a process can
// hold up: unlike the other files, /proc/PID/status does not wait for one that executes another program.
func PIDs() ([]int, error) {
	all, err := numbers("/proc")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(pid int) bool {
		text, err := procfs.Read(fmt.Sprintf("/proc/%d/status", pid))
		return err != nil || bytes.Contains(text, []byte("\nKthread:\t1\n"))
	}), nil
}

// Owner returns the user of a process.
func Owner(pid int) (uid int, err error) {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/status", pid))
	return parseStatus(text).UID, err
}

// numbers lists the entries of a directory that are decimal numbers, in order.
func numbers(dir string) ([]int, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}
