package wrapper

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gocare/buildtree"
)

// fileTick is how far times of files may be behind the clock: the kernel takes them at its last tick (CONFIG_HZ is 100 or more).
const fileTick = 10 * time.Millisecond

// userTick is the unit of the start of a process in proc(5), USER_HZ on Linux.
const userTick = 10 * time.Millisecond

// began returns a time before which a file was written if a process that starts now finds its text: by the clock of the store's file
// system, where the tree is.
func began(store *buildtree.Store) time.Time { return store.Clock().Add(-fileTick) }

// driverBegan is began for the compiler driver, which started earlier; for now if that is not known.
func driverBegan(store *buildtree.Store, d driverCall) time.Time {
	at := began(store)
	var now unix.Timespec
	ticks, err := strconv.ParseInt(statField(d.pid, statStart), 10, 64)
	if d.pid == 0 || err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return at
	}
	return at.Add(time.Duration(ticks)*userTick - time.Duration(now.Nano()))
}

// writtenSince reports whether a file, or the link that its path is, was written or put in its place at a time or later.
func writtenSince(path string, fi os.FileInfo, at time.Time) bool {
	link, err := os.Lstat(path)
	return changedAt(fi) >= at.UnixNano() || err == nil && changedAt(link) >= at.UnixNano()
}

// changedAt returns the time of change, which no tool can set back, in nanoseconds since 1970.
func changedAt(fi os.FileInfo) int64 { return fi.Sys().(*syscall.Stat_t).Ctim.Nano() }
