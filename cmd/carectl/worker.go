package main

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"gocare/engine"
	"gocare/engine/trace"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// What is read of a process may be a trap: a file system that does not answer holds up who reads for as long as it likes, and no signal
// ends that. So all that concerns one process is done by a worker, another process, which is told of one after the other and can be left
// behind:
//
//	carectl ── starts ──▸ worker ── starts ──▸ guard, for a commit
//	   │  ── PID ────────────▸ │
//	   │  ◂── progress … ───── │
//	   │  ◂── answer ───────── │

const workerCommand = "run-worker"

// readTime is how long a byte of a file may take to be read.
const readTime = time.Second / (50 << 20)

// setup is what a worker has to know of the command line.
type setup struct {
	Command        string
	Args, Old      []string
	ID             string
	All, Over, Mix bool
	Unmap, Signed  bool
	Unloads        bool
	CVE            string
	Wait, Hold     time.Duration
}

// report is what a worker says: that it got on, or the answer.
type report struct {
	Progress string        // "" if it is of no interest to people
	Longer   time.Duration // how much longer than usual the next report may take
	Answer   *answer       // about the process of this Index among those it was asked about
	Index    int
	Done     int  // how many of these it is done with
	End      bool // it goes on no further
}

// answer is what became of one process.
type answer struct {
	Result  engine.Result // of patch, unpatch and recover
	Host    *hostRow      // of info; nil if there is nothing to say
	Plan    checkProcess  // of check
	Failure *failure
}

// failure is an error on its way from one process to another.
type failure struct {
	Kind              fault.Kind
	Code              fault.Code
	What, State, Hint string
	Known             bool // it is a fault.Error
	Canceled          bool
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{What: err.Error(), Canceled: errors.Is(err, context.Canceled)}
	if e := fault.As(err); e != nil {
		f.Known, f.Kind, f.Code, f.State, f.Hint = true, e.Kind, e.Code, e.State, e.Hint
	}
	return f
}

// err returns the error again.
func (f *failure) err() error {
	switch {
	case f == nil:
		return nil
	case f.Known:
		return &fault.Error{Kind: f.Kind, Code: f.Code, What: f.What, State: f.State, Hint: f.Hint}
	case f.Canceled:
		return context.Canceled
	}
	return errors.New(f.What)
}

// works are what commands do with one process.
var works = map[string]func(*command) (func(pid int) (answer, error), error){
	"patch":   patchOne,
	"unpatch": func(c *command) (func(int) (answer, error), error) { return c.revertOne(c.removal), nil },
	"recover": recoverOne,
	"check":   checkOne,
	"info":    infoOne,
}

// changes are the commands that stop processes.
var changes = map[string]bool{"patch": true, "unpatch": true, "recover": true}

// runWorker is a worker.
func runWorker(c *command) error {
	syscall.CloseOnExec(helperFD)
	conn := os.NewFile(helperFD, "connection")
	in, out := gob.NewDecoder(conn), gob.NewEncoder(conn)
	var s setup
	if err := in.Decode(&s); err != nil || works[s.Command] == nil {
		return fault.New(fault.Usage, "", "%s is for carectl alone", workerCommand).WithCause(err).WithHint("use the other commands")
	}
	keeps := changes[s.Command] && trace.KeepToOneProcessor()
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where a process makes it use up the memory, nobody else shall pay
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	w := &command{keeps: keeps, ctx: ctx, ui: ui.New("carectl", os.Stdout, os.Stderr, ui.Normal, false), request: request{
		all: s.All, args: s.Args, id: s.ID, old: s.Old, over: s.Over, unloads: s.Unloads, mix: s.Mix, wait: s.Wait, hold: s.Hold, unmap: s.Unmap,
		cve: s.CVE, signed: s.Signed,
	}}
	w.progress = func(format string, args ...any) {
		if out.Encode(report{Progress: fmt.Sprintf(format, args...)}) != nil {
			cancel() // nobody listens any more
		}
	}
	w.alive = func() { _ = out.Encode(report{}) }                                                 // fails as above
	w.reads = func(size int64) { _ = out.Encode(report{Longer: time.Duration(size) * readTime}) } // fails as above
	work, err := works[s.Command](w)
	jobs := make(chan []int)
	go func() {
		defer close(jobs)
		defer cancel() // nobody asks any more: what goes on is called off
		for {
			var pids []int
			if in.Decode(&pids) != nil {
				return
			}
			jobs <- pids
		}
	}()
	for pids := range jobs {
		answerAll(ctx, out, pids, func(pid int) answer { return answered(work, pid, err) })
	}
	return nil
}

// tell is how often a worker says how far it got with many processes of which nothing is to be said. It is less than leastPatience.
const tell = leastPatience / 3

// answerAll answers about processes. Of many, those of which nothing is to be said are counted only. It fails when nobody listens any more.
func answerAll(ctx context.Context, out *gob.Encoder, pids []int, work func(pid int) answer) {
	var done atomic.Int64
	over, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		ticker := time.NewTicker(tell)
		defer ticker.Stop()
		for last := int64(0); ; {
			select {
			case <-over:
				return
			case <-ticker.C:
				if n := done.Load(); n > last {
					last = n
					_ = out.Encode(report{Done: int(n)}) // the next answer fails as well
				}
			}
		}
	}()
	for i, pid := range pids {
		a := work(pid)
		if len(pids) == 1 || a.Host != nil || a.Failure != nil {
			if ctx.Err() != nil && len(pids) > 1 || out.Encode(report{Answer: &a, Index: i, Done: i + 1}) != nil {
				break
			}
		}
		done.Store(int64(i + 1))
	}
	close(over)
	<-told
	_ = out.Encode(report{Done: int(done.Load()), End: true})
}

// answered does the work on a process. A panic is an answer, too: a worker has no standard error.
func answered(work func(int) (answer, error), pid int, err error) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a.Failure = failureOf(fault.New(fault.Bug, fmt.Sprintf("pid %d", pid), "%v\n%s", r, debug.Stack()))
		}
	}()
	if err == nil {
		a, err = work(pid)
	}
	a.Failure = failureOf(err)
	return a
}
