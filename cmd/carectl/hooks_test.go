package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// hooks are the places in a process where the hooks of a patch are or will be.
type hooks struct {
	mem      *os.File
	at       []int64
	original [][]byte
}

// newHooks returns the hooks at the starts of functions that are not patched yet; addresses is two of them, as %p prints them.
func newHooks(t *testing.T, pid int, addresses string) *hooks {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	h := &hooks{mem: mem, at: make([]int64, 2)}
	if _, err := fmt.Sscanf(addresses, "0x%x 0x%x", &h.at[0], &h.at[1]); err != nil {
		t.Fatalf("%q: %v", addresses, err)
	}
	if h.original, err = h.read(); err != nil {
		t.Fatal(err)
	}
	return h
}

// read returns what is at each place, as many bytes as a hook has.
func (h *hooks) read() (all [][]byte, err error) {
	for _, at := range h.at {
		b := make([]byte, 5)
		if _, err := h.mem.ReadAt(b, at); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// half reports whether some of the hooks are there, but not all.
func (h *hooks) half() bool {
	have, err := h.read()
	made := 0
	for i := range have {
		if !bytes.Equal(have[i], h.original[i]) {
			made++
		}
	}
	return err != nil || made > 0 && made < len(h.at)
}

// sampling is how often a watch looks.
const sampling = 50 * time.Microsecond

// watch looks at hooks from outside, from its start until its end.
type watch struct {
	enough, over chan struct{}
	longest      time.Duration
}

// watch starts to look. The first look is over when it returns.
func (h *hooks) watch() *watch {
	w := &watch{enough: make(chan struct{}), over: make(chan struct{})}
	since, half := time.Now(), h.half()
	go func() {
		defer close(w.over)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer goFirst()()
		tick := time.NewTicker(sampling)
		defer tick.Stop()
		for {
			select {
			case <-w.enough:
				return
			case <-tick.C:
			}
			was := half
			if half = h.half(); was {
				w.longest = max(w.longest, time.Since(since))
			} else if half {
				since = time.Now()
			}
		}
	}()
	return w
}

// end returns for how long at a time it was seen that some hooks were there without the others.
func (w *watch) end() time.Duration {
	close(w.enough)
	<-w.over
	return w.longest
}
