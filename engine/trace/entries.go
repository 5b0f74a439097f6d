package trace

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Entries counts how often the threads of a process, those to come included, begin to execute the instruction at one of some addresses, while they
// run on. The processor's breakpoints do it; they are files of ours, and gone with them.
type Entries struct{ files []int }

const (
	mostAddresses = 4   // breakpoints that a processor has
	mostCounters  = 128 // files: each is read while the process is stopped
)

// CountEntries begins to count; nil where that is not possible, for so many addresses or threads, or for this user.
func CountEntries(pid int, addrs []uint64) *Entries {
	if len(addrs) > mostAddresses || !breakpointsCount() {
		return nil
	}
	e := new(Entries)
	counted := map[int]bool{}
	for {
		tids, err := Tasks(pid)
		tids = slices.DeleteFunc(tids, func(tid int) bool { return counted[tid] })
		if err == nil && len(tids) == 0 {
			return e
		}
		if err != nil || (len(counted)+len(tids))*len(addrs) > mostCounters || !e.add(tids, addrs) {
			e.Close()
			return nil
		}
		for _, tid := range tids {
			counted[tid] = true
		}
	}
}

// add counts for threads, and those that they make.
func (e *Entries) add(tids []int, addrs []uint64) bool {
	for _, tid := range tids {
		for _, addr := range addrs {
			fd, err := countEntries(tid, addr)
			switch {
			case err == unix.ESRCH: // it has ended; one that it has made before is not in the list yet
			case err != nil:
				return false
			default:
				e.files = append(e.files, fd)
			}
		}
	}
	return true
}

func countEntries(tid int, addr uint64) (fd int, err error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_BREAKPOINT, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Bits:        unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv | unix.PerfBitInherit,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
		Bp_type:     breakExecute, Ext1: addr, Ext2: breakLength,
	}
	return unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// None reports whether none was counted, by counters that did count.
func (e *Entries) None() bool {
	return !slices.ContainsFunc(e.files, func(fd int) bool {
		n, ok := entries(fd)
		return n > 0 || !ok
	})
}

// entries reads a counter; ok is false if it was not in force while the thread ran. It comes into force a little later than its time begins, on each
// way of the thread to a processor.
func entries(fd int) (n uint64, ok bool) {
	var b [24]byte // the count, and for how long it was enabled and has run (perf_event_open(2))
	if got, err := unix.Read(fd, b[:]); err != nil || got < len(b) {
		return 0, false
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return word(0), word(2) >= word(1)/2
}

// Close ends the count.
func (e *Entries) Close() {
	for _, fd := range e.files {
		_ = unix.Close(fd) // nothing is buffered
	}
	e.files = nil
}

// breakpointsCount reports whether this machine has breakpoints that count: one that is none of silicon may take them and never stop.
var breakpointsCount = sync.OnceValue(func() bool {
	for n := 0; breakLength != 0 && n < 3; n++ { // a thread that was hardly there when it was counted tells nothing
		if countsOwn() {
			return true
		}
	}
	return false
})

// countsOwn counts a call of this program's own.
func countsOwn() bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := countEntries(0, uint64(reflect.ValueOf(counted).Pointer()))
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	counted()
	n, ok := entries(fd)
	return n == 1 && ok
}

//go:noinline
func counted() {}
