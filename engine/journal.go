package engine

import (
	"io"

	"gocare/engine/inspect"
)

// Journal is what a commit does to a process: what another program needs to bring it to an end if this one is killed in the middle.
type Journal struct {
	PID       int
	StartTime uint64 // see inspect.Process
	What      string // "apply" or "remove"
	Patches   []PatchResult
	Writes    []Write
	Old       []Code // that no thread may execute when the writes are made
	New       []Code // that no thread may execute when they are undone
	Inside    []Code // that none may execute even when that takes long: inside far hooks
	Unwind    []UnwindData
	Acts      bool // actions of the patch come before its last write: without that it is not finished, but undone
}

// Watch is another program that has a journal, and acts when this one is gone before End is called.
type Watch struct {
	Ready  func() error // waits until it has all that it needs
	Acting func()       // functions of patches are about to run, whose writes nobody can take back when this one is gone
	End    func()       // the commit is over
}

// watch has a change watched, unless nobody can.
func (h *Held) watch(what string, c *change, patches []PatchResult, opt Options) (ready, end func()) {
	nothing := func() {}
	if opt.Guard == nil {
		return nothing, nothing
	}
	w, err := opt.Guard(&Journal{
		PID: h.Process.PID, StartTime: h.Process.StartTime, What: what, Patches: patches, Writes: c.writes, Old: c.code, New: c.back, Inside: c.inside,
		Unwind: unwindDataOf(h.Process),
		Acts:   what == "apply" && len(c.actions.after) > 0,
	}, h.lock)
	if err != nil {
		opt.progress("pid %d: nobody watches: %v", h.Process.PID, err)
		return nothing, nothing
	}
	c.acting = w.Acting
	ready = func() {
		if err := w.Ready(); err != nil {
			opt.progress("pid %d: who watches is not ready: %v", h.Process.PID, err)
		}
	}
	return ready, w.End
}

// progress is how far a journal's writes were made.
type progress struct {
	made int
	torn bool // the write behind those was made in part
}

// progress compares memory with what the writes leave behind, one after the other. It is not ok where others wrote there. Memory that
// is not mapped has not been written.
func (j *Journal) progress(mem io.ReaderAt) (p progress, ok bool) {
	have, differs := j.atStart(mem)
	for n, w := range j.Writes {
		if len(differs) == 0 {
			return progress{made: n}, true
		}
		if !ok && w.holds(have, differs) {
			p, ok = progress{n, true}, true
		}
		for i, b := range w.New {
			if at := w.Addr + inspect.Addr(i); have[at] == b {
				delete(differs, at)
			} else {
				differs[at] = true
			}
		}
	}
	if len(differs) == 0 {
		return progress{made: len(j.Writes)}, true
	}
	return p, ok
}

// atStart returns every byte that the writes reach as memory has it, and those of them that are not as before the first write.
func (j *Journal) atStart(mem io.ReaderAt) (have map[inspect.Addr]byte, differs map[inspect.Addr]bool) {
	have, differs = map[inspect.Addr]byte{}, map[inspect.Addr]bool{}
	for _, w := range j.Writes {
		b := make([]byte, len(w.Old))
		if _, err := mem.ReadAt(b, int64(w.Addr)); err != nil {
			copy(b, w.Old)
		}
		for i := range b {
			at := w.Addr + inspect.Addr(i)
			if _, earlier := have[at]; earlier {
				continue
			}
			have[at] = b[i]
			if b[i] != w.Old[i] {
				differs[at] = true
			}
		}
	}
	return have, differs
}

// holds reports whether all bytes that differ are of a write, and as it makes them.
func (w *Write) holds(have map[inspect.Addr]byte, differs map[inspect.Addr]bool) bool {
	found := 0
	for i, b := range w.New {
		if at := w.Addr + inspect.Addr(i); differs[at] {
			if have[at] != b {
				return false
			}
			found++
		}
	}
	return found == len(differs)
}
