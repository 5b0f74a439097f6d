package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// counts is what a process has of the kernel.
type counts struct {
	maps, fds, threads int
	size, resident     int // kB
}

func count(pid int) (c counts, err error) {
	read := func(name string) (text []byte) {
		if err == nil {
			text, err = os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		}
		return text
	}
	c.maps = bytes.Count(read("maps"), []byte("\n"))
	for line := range strings.Lines(string(read("status"))) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB")) // not of all a number
		switch name {
		case "Threads":
			c.threads = n
		case "VmSize":
			c.size = n
		case "VmRSS":
			c.resident = n
		}
	}
	if err != nil {
		return c, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	c.fds = len(files)
	return c, err
}

// ownGrowth is how much more memory a process may have after a load than before, in kB: its own buffers and caches.
const ownGrowth = 1024

// leaked says what a process has more than it had.
func (c counts) leaked(before counts) error {
	if c.maps > before.maps || c.fds > before.fds || c.threads > before.threads || c.size > before.size+ownGrowth || c.resident > before.resident+ownGrowth {
		return fmt.Errorf("leaks: %v before, %v after", before, c)
	}
	return nil
}

func (c counts) String() string {
	return fmt.Sprintf("%d maps, %d files, %d threads, %d kB of %d kB resident", c.maps, c.fds, c.threads, c.resident, c.size)
}
