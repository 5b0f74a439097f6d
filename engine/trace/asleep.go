package trace

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gocare/internal/procfs"
)

// Sleep is where a thread that is not attached waits, as /proc/PID/task/TID/syscall says.
type Sleep struct {
	Number int64     // of the system call; -1 outside of one, such as for a page
	Args   [6]uint64 // of the system call
	SP, PC uint64
}

// Asleep returns where a thread waits; ok is false if it runs, has ended, or may not be looked at. It does not disturb the thread.
func Asleep(pid, tid int) (w Sleep, ok bool) {
	text, err := procfs.Read(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	if err != nil {
		return Sleep{}, false
	}
	f := strings.Fields(string(text))
	if len(f) != 3 && len(f) != 9 {
		return Sleep{}, false // "running"
	}
	if w.Number, err = strconv.ParseInt(f[0], 10, 64); err != nil {
		return Sleep{}, false
	}
	var values [8]uint64
	for i, word := range f[1:] {
		if values[i], err = strconv.ParseUint(word, 0, 64); err != nil {
			return Sleep{}, false
		}
	}
	rest := values[:len(f)-1]
	w.SP, w.PC = rest[len(rest)-2], rest[len(rest)-1]
	copy(w.Args[:], rest[:len(rest)-2])
	return w, true
}

// Tasks lists the threads of a process that run code of its own, in no order.
func Tasks(pid int) ([]int, error) {
	s := Session{PID: pid}
	return s.unseized()
}

// timeout says how a system call is told its time-out, where it begins anew with all of it after a stop: the kernel ends it with EINTR. Others
// go on with what is left (poll, select, nanosleep, futex).
type timeout struct {
	kind   timeoutKind
	arg    int    // which argument it is, or of the socket that has one
	result uint64 // of the call when the time is over
}

type timeoutKind int

const (
	milliseconds timeoutKind = iota // of type int; negative: none
	timespec                        // a pointer; null: none
	receiving                       // SO_RCVTIMEO of a socket
	sending                         // SO_SNDTIMEO of a socket
)

// mayBeginAnew reports whether a wait may have a time-out that begins anew after a stop.
func (w *Sleep) mayBeginAnew(pid int) bool {
	t, ok := timeouts[w.Number]
	if !ok {
		return false
	}
	switch arg := w.Args[t.arg]; t.kind {
	case milliseconds:
		return int32(arg) >= 0
	case timespec:
		return arg != 0
	}
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(w.Args[t.arg])))
	return err != nil || strings.HasPrefix(file, "socket:")
}

// Ranks of threads by how well they suit to make calls for us.
const (
	rankRepeats = iota // waits in a call that the kernel simply repeats
	rankGoesOn         // in one that goes on with the rest of its time
	rankRuns
	rankLater // in one whose time-out may begin anew: it would come late
	rankStuck
)

// callRank sorts threads by how well they suit.
func (s *Session) callRank(tid int) int {
	switch threadState(s.PID, tid) {
	case 'D', 'Z':
		return rankStuck
	case 'R':
		return rankRuns
	}
	w, ok := Asleep(s.PID, tid)
	switch {
	case !ok || w.Number < 0 || restartBlockCalls[w.Number]:
		return rankGoesOn
	case w.mayBeginAnew(s.PID):
		return rankLater
	}
	return rankRepeats
}

// restartBlockCalls are system calls that may go on through restart_syscall after a stop.
var restartBlockCalls = map[int64]bool{
	unix.SYS_NANOSLEEP: true, unix.SYS_CLOCK_NANOSLEEP: true, unix.SYS_FUTEX: true, unix.SYS_RESTART_SYSCALL: true, unix.SYS_PPOLL: true,
}
