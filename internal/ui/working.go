package ui

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

const (
	// tick is how often a terminal shows how far work has come, plainTick how often a line of its own says so elsewhere.
	tick      = time.Second
	plainTick = time.Minute
)

// Working shows what is going on until it is told that it ended: the stage, how far it is, and the time. It is drawn at the right end of the
// terminal's line, where the output of a build leaves it alone; elsewhere a line is written every minute. far may be nil; it is called from
// another goroutine.
func (u *UI) Working(stage string, far func() string) (ended func()) {
	if u.level < Normal {
		return func() {}
	}
	every, draw := plainTick, u.plainWork
	if isTerminal(u.stderr) {
		every, draw = tick, u.drawWork
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		begun := time.Now()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				draw(workText(stage, far, time.Since(begun)))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		u.eraseWork()
	}
}

// workText is "the patched build, 12 of 1134 units, 0:23".
func workText(stage string, far func() string, since time.Duration) string {
	parts := []string{stage}
	if far != nil {
		if text := far(); text != "" {
			parts = append(parts, text)
		}
	}
	seconds := int(since.Seconds())
	return strings.Join(append(parts, fmt.Sprintf("%d:%02d", seconds/60, seconds%60)), ", ")
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (u *UI) plainWork(text string) { u.line(u.stderr, "%s", u.prog+": "+text) }

// drawWork draws at the right end of the line that the cursor is in, and puts the cursor back (ECMA-48, CUF and CUB; DECSC, DECRC).
func (u *UI) drawWork(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintf(u.stderr, "\x1b7\x1b[999C\x1b[%dD\x1b[2m %s\x1b[0m\x1b8", len(text), text)
	u.drawn = true
}

// eraseWork takes away what stands right of the cursor.
func (u *UI) eraseWork() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.drawn {
		fmt.Fprint(u.stderr, "\x1b[K")
		u.drawn = false
	}
}
