package isolate

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// watcher removes a scratch directory when the program that made it ends without doing so: it reads a pipe whose other end
// only that program has.
type watcher struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

// startWatcher starts the process that watches over a scratch directory.
func startWatcher(s *scratch) (*watcher, error) {
	sp := &spec{Op: "watch", Scratch: s.dir}
	cmd := sp.command(context.Background(), nil, nil)
	cmd.SysProcAttr.Pdeathsig = 0 // the end of the program is what it waits for
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, pipe.Close())
	}
	return &watcher{cmd, pipe}, nil
}

// stop ends the watcher and waits until it is gone; what it watched over is removed by then.
func (w *watcher) stop() error {
	if w == nil {
		return nil
	}
	return errors.Join(w.pipe.Close(), w.cmd.Wait())
}

// watch returns when the other end of standard input is closed, no process of the view is left, and the scratch directory is
// removed.
func (sp *spec) watch() error {
	_, _ = io.Copy(io.Discard, os.Stdin)
	lock, err := os.Open((&scratch{dir: sp.Scratch}).lockName())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	return removeAll(sp.Scratch)
}
