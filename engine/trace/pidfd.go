package trace

import (
	"time"

	"golang.org/x/sys/unix"
)

// Pidfd stands for a process, whatever becomes of its number.
type Pidfd int

// OpenPidfd returns one, which is to be closed.
func OpenPidfd(pid int) (Pidfd, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return Pidfd(fd), err
}

// Close gives it up.
func (p Pidfd) Close() { _ = unix.Close(int(p)) } // there is nothing to lose

// EndsWithin lets time pass until the process ends, and reports whether it has.
func (p Pidfd) EndsWithin(d time.Duration) bool {
	for until := time.Now().Add(d); ; {
		left := max(time.Until(until), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if err != unix.EINTR {
			return n > 0 || err != nil
		}
	}
}
