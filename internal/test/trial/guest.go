package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gocare/internal/test/gobuild"
	"gocare/internal/test/vm/request"
)

// Guest is a virtual machine of aarch64 that runs what was built for it. It sees a folder of the host's.
type Guest struct {
	folder string
	last   atomic.Int64  // number of the last job
	ended  chan struct{} // closed when the machine has
}

// Places in the guest.
const (
	guestFolder = "/host"
	guestBin    = "/tmp/bin" // the folder of the host's is slow
)

// GuestCarectl is where a guest has carectl, and GuestTraps where it has the one that leaves traps.
const (
	GuestCarectl = guestBin + "/carectl"
	GuestTraps   = guestBin + "/traps/carectl"
)

// StartGuest starts a machine that sees a folder and has our programs. GOCARE_VM says where the files of its system are; root is the
// module's. It runs until Stop is called or the context ends.
func StartGuest(ctx context.Context, root, folder string) (*Guest, error) {
	if os.Getenv("GOCARE_VM") == "" {
		return nil, errors.New("GOCARE_VM does not say where the files of the virtual machine are: make does")
	}
	g := &Guest{folder: folder, ended: make(chan struct{})}
	if err := gobuild.Carectl(ctx, filepath.Join(folder, "guest"), "arm64"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(g.jobs(), 0o755); err != nil {
		return nil, err
	}
	commands := fmt.Sprintf("cp -r %s/guest %s && chmod -R +x %s && /tools/jobs %s/jobs\n", guestFolder, guestBin, guestBin, guestFolder)
	if err := os.WriteFile(filepath.Join(folder, "commands"), []byte(commands), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "guest.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	vm, err := gobuild.VM(ctx, filepath.Join(folder, "host"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, vm, "-share", folder)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // Run says what the log holds
		close(g.ended)
	}()
	return g, nil
}

func (g *Guest) jobs() string { return filepath.Join(g.folder, "jobs") }

// Stop ends the machine when its job has ended.
func (g *Guest) Stop() {
	_ = os.Mkdir(filepath.Join(g.jobs(), request.End), 0o755) // the context ends it as well
	<-g.ended
}

// Run runs a command there; its directory is below the folder. Env is not passed. Of commands that are given at one time one runs after the
// other: the time of each is its own.
func (g *Guest) Run(ctx context.Context, c Command) Result {
	there := func(s string) string { return strings.ReplaceAll(s, g.folder, guestFolder) }
	q := request.Question{Tool: there(c.Args[0]), Dir: there(c.Dir), Seconds: int(c.Limit / time.Second)}
	for _, arg := range c.Args[1:] {
		q.Args = append(q.Args, there(arg))
	}
	dir := filepath.Join(g.jobs(), fmt.Sprint(g.last.Add(1)))
	if err := errors.Join(os.Mkdir(dir, 0o755), request.Put(dir, q)); err != nil {
		return Result{Status: -1, Err: err.Error()}
	}
	defer os.RemoveAll(dir)
	for {
		if text, err := os.ReadFile(filepath.Join(dir, request.AnswerFile)); err == nil {
			var a request.Answer
			if err := json.Unmarshal(text, &a); err != nil {
				return Result{Status: -1, Err: err.Error()}
			}
			return Result{a.Status, string(a.Stdout), string(a.Stderr)}
		}
		select {
		case <-g.ended:
			log, _ := os.ReadFile(filepath.Join(g.folder, "guest.log")) // else nothing is known
			return Result{Status: -1, Err: "the virtual machine has ended\n" + string(log)}
		case <-ctx.Done():
			return Result{Status: -1, Err: ctx.Err().Error()}
		case <-time.After(2 * time.Millisecond):
		}
	}
}
