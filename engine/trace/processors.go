package trace

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// home is the processor that this program keeps to; nil if it uses all.
var home *unix.CPUSet

// KeepToOneProcessor has this program, and what it starts from here on, run on the processor that it is on: on several it would displace threads of
// the process that it works on, which then wait for longer than they are ever stopped. Left out is what may hold a thread up: the thread that a session
// is on, and all of the program in a Hurry. It reports false, and does nothing, where somebody has given this program fewer processors than there are.
func KeepToOneProcessor() bool {
	var own unix.CPUSet
	if unix.SchedGetaffinity(0, &own) != nil {
		return false
	}
	if everywhere() != own {
		_ = unix.SchedSetaffinity(0, &own) // fails only where these are no processors any more
		return false
	}
	KeptToOneProcessor()
	return true
}

// KeptToOneProcessor is KeepToOneProcessor for a program that was started by one which keeps to a processor.
func KeptToOneProcessor() {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return
	}
	all := everywhere()
	home = new(unix.CPUSet)
	home.Set(int(cpu))
	ofOwnThreads(func(tid int) { _ = unix.SchedSetaffinity(tid, home) }) // fails only for one that has ended
	runtime.GOMAXPROCS(all.Count())                                      // Go counts when it starts; a Hurry uses all
}

// everywhere has the calling thread run on all processors, and returns these.
func everywhere() (all unix.CPUSet) {
	every := everyProcessor()
	_ = unix.SchedSetaffinity(0, &every) // else it stays where it is
	_ = unix.SchedGetaffinity(0, &all)   // as above
	return all
}

// everyProcessor is the set of all, there or not: the kernel takes those that are.
func everyProcessor() (every unix.CPUSet) {
	for i := range every {
		every[i] = ^every[i]
	}
	return every
}

// Hurry has this program go before all others, where it may, and on all processors, until the function it returns is called: on a busy machine a process
// that is stopped would have to wait for whoever else uses the processors. It is all of its threads: where it is killed, the last of them has to end
// before its guard hears of it.
func Hurry() (end func()) {
	const first = -20 // setpriority(2); 0 stands for the calling thread alone
	usual, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	raised := err == nil && unix.Setpriority(unix.PRIO_PROCESS, 0, first) == nil
	every := everyProcessor()
	hurry(first, raised, &every)
	return func() {
		hurry(20-usual, raised, home) // who may raise it may lower it; the kernel gives 20 - nice
		if home != nil {
			everywhere()
		}
	}
}

// hurry gives all threads of this program a priority, where it may, and processors, where it keeps to one else.
func hurry(nice int, may bool, cpus *unix.CPUSet) {
	if !may && home == nil {
		return
	}
	ofOwnThreads(func(tid int) { // what fails does so for one that has ended
		if may {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
		}
		if home != nil {
			_ = unix.SchedSetaffinity(tid, cpus)
		}
	})
}

func ofOwnThreads(f func(tid int)) {
	own, _ := tasks(unix.Getpid()) // else they stay as they are
	for _, tid := range own {
		f(tid)
	}
}
