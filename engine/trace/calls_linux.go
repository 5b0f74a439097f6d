//go:build amd64 || arm64

package trace

import (
	"maps"

	"golang.org/x/sys/unix"
)

// timeouts are the system calls, by number, whose time-out begins anew after a stop (Linux 6.18 seen; signal(7) has most of them).
var timeouts = withOwn(map[int64]timeout{
	unix.SYS_EPOLL_PWAIT:     {milliseconds, 3, 0},
	unix.SYS_EPOLL_PWAIT2:    {timespec, 3, 0},
	unix.SYS_IO_GETEVENTS:    {timespec, 4, 0},
	unix.SYS_RT_SIGTIMEDWAIT: {timespec, 2, minusEAGAIN},
	unix.SYS_SEMTIMEDOP:      {timespec, 3, minusEAGAIN},
	unix.SYS_READ:            {receiving, 0, minusEAGAIN},
	unix.SYS_READV:           {receiving, 0, minusEAGAIN},
	unix.SYS_RECVFROM:        {receiving, 0, minusEAGAIN},
	unix.SYS_RECVMSG:         {receiving, 0, minusEAGAIN},
	unix.SYS_ACCEPT:          {receiving, 0, minusEAGAIN},
	unix.SYS_ACCEPT4:         {receiving, 0, minusEAGAIN},
	unix.SYS_WRITE:           {sending, 0, minusEAGAIN},
	unix.SYS_WRITEV:          {sending, 0, minusEAGAIN},
	unix.SYS_SENDTO:          {sending, 0, minusEAGAIN},
	unix.SYS_SENDMSG:         {sending, 0, minusEAGAIN},
})

// withOwn adds what this machine alone has.
func withOwn(all map[int64]timeout) map[int64]timeout {
	maps.Copy(all, ownTimeouts)
	return all
}

// forbiddenCalls are those by which an action could end the process, or a thread, make another one, or leave the stack it is on; abort(3) sends a
// signal.
var forbiddenCalls = append([]uint64{
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_CLONE, unix.SYS_CLONE3,
	unix.SYS_RT_SIGRETURN, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_PIDFD_SEND_SIGNAL,
}, ownForbiddenCalls...)
