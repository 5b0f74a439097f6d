package wrapper

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"gocare/buildtree"
)

// fileTick is how far times of files may be behind the clock: the kernel takes them at its last tick (CONFIG_HZ is 100 or more).
const fileTick = 10 * time.Millisecond

// userTick is the unit of the start of a process in proc(5), USER_HZ on Linux.
const userTick = 10 * time.Millisecond

// beganVar tells the assembler when carecc started as the driver that runs it: the process, and nanoseconds since 1970.
const beganVar = "GOCARE_BEGAN"

// began returns the time by the clock of the store's file system, where the tree is: a file that is written from now on has this time of
// change, or a later one.
func began(store *buildtree.Store) time.Time {
	dir := filepath.Join(store.Dir(), "tmp")
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, dir, now, 0)
	if fi, statErr := os.Stat(dir); err == nil && statErr == nil {
		return time.Unix(0, buildtree.ChangedAt(fi))
	}
	var tick unix.Timespec // what this machine gives files now
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &tick); err != nil {
		return time.Now()
	}
	return time.Unix(0, tick.Nano())
}

// withBegan has the assembler know when this process began, which becomes the driver.
func withBegan(env []string, store *buildtree.Store) []string {
	return withEnv(env, beganVar, fmt.Sprintf("%d %d", os.Getpid(), began(store).UnixNano()))
}

// driverBegan is began for the compiler driver, which started earlier, or for a time before that; for now if it is not known.
func (p *Process) driverBegan(store *buildtree.Store, driver int) time.Time {
	var pid int
	var at int64
	if n, _ := fmt.Sscan(p.getenv(beganVar), &pid, &at); n == 2 && pid == driver {
		return time.Unix(0, at)
	}
	return p.notBeforeBuild(store, processBegan(store, driver))
}

// processBegan is driverBegan by what the kernel knows of a process.
func processBegan(store *buildtree.Store, pid int) time.Time {
	at := began(store)
	var now unix.Timespec
	ticks, err := strconv.ParseInt(statField(pid, statStart), 10, 64)
	if pid == 0 || err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return at
	}
	return at.Add(time.Duration(ticks)*userTick - time.Duration(now.Nano()) - fileTick)
}

// notBeforeBuild returns a time, or, if that is later, the one at which the run of patchmake began that this process is a part of: what it
// wrote itself is older (see Announce).
func (p *Process) notBeforeBuild(store *buildtree.Store, at time.Time) time.Time {
	fi, err := os.Stat(filepath.Join(store.Dir(), stageFile))
	if err != nil || buildtree.ChangedAt(fi) <= at.UnixNano() || p.announced() == "" {
		return at
	}
	return time.Unix(0, buildtree.ChangedAt(fi))
}
