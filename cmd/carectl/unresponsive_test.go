package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocare/engine"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// trap is a file system whose files are never closed: a process that executes another program while it has one open, to be closed then,
// stays in the middle of that, where most of what the kernel says of it waits. It prints the number of such a process.
const trap = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
static int device;
static void answer(struct fuse_in_header *to, int error, void *data, int size)
{
	char text[512];
	struct fuse_out_header head = {.len = sizeof head + size, .error = error, .unique = to->unique};
	memcpy(text, &head, sizeof head);
	if (size) memcpy(text + sizeof head, data, size);
	write(device, text, head.len);
}
static void serve(struct fuse_in_header *request)
{
	struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = 4096};
	struct fuse_attr root = {.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2}, file = {.ino = 2, .mode = S_IFREG | 0644, .nlink = 1};
	struct fuse_attr_out attr = {.attr = request->nodeid == 1 ? root : file};
	struct fuse_entry_out entry = {.nodeid = 2, .attr = file};
	struct fuse_open_out open = {0};
	switch (request->opcode) {
	case FUSE_INIT: answer(request, 0, &init, sizeof init); break;
	case FUSE_GETATTR: answer(request, 0, &attr, sizeof attr); break;
	case FUSE_LOOKUP: answer(request, 0, &entry, sizeof entry); break;
	case FUSE_OPEN: answer(request, 0, &open, sizeof open); break;
	case FUSE_FLUSH: puts("held"); fflush(stdout); break;
	case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
	default: answer(request, -ENOSYS, 0, 0);
	}
}
int main(int argc, char **argv)
{
	char options[128], request[1 << 17];
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	sprintf(options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (device < 0 || unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount("trap", argv[1], "fuse", 0, options)) {
		printf("cannot: %s\n", strerror(errno));
		return 1;
	}
	int child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		chdir(argv[1]);
		if (open("file", O_RDONLY | O_CLOEXEC) < 0) return 1;
		execl("/bin/sleep", "sleep", "1000", (char *)0);
		return 1;
	}
	printf("%d\n", child);
	fflush(stdout);
	while (read(device, request, sizeof request) > 0) serve((void *)request);
	return 0;
}`

func startTrap(t *testing.T) (pid string) {
	testkit.Require(t, "gcc", "root")
	p := testkit.Start(t, testkit.CCText(t, trap, []string{"-w"}), t.TempDir())
	pid = p.Next()
	if strings.HasPrefix(pid, "cannot: ") {
		t.Skipf("no file system of our own here: %s", pid)
	}
	p.WaitLine("held")
	if tellsOf(pid) {
		t.Skip("this kernel closes files while a process still is what it was (6.1 seen): all of it can be read")
	}
	return pid
}

// tellsOf reports whether the kernel tells of a process' memory within a second. Who asks is a process that can be killed.
func tellsOf(pid string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cat", "/proc/"+pid+"/maps")
	cmd.WaitDelay = time.Second
	return cmd.Run() == nil
}

// TestUnresponsive: who reads a process and gets no answer does not hold up what is asked of others.
func TestUnresponsive(t *testing.T) {
	g, held := start(t), startTrap(t)
	defer func(d time.Duration) { patience = d }(patience)
	patience = 2 * time.Second
	r := carectl(t, "patch", "-p", held, g.pid, g.patch)
	if r.exit != 1 || !strings.Contains(r.errs, "pid "+held+": no answer within ") || strings.Count(r.out, "successfully applied") != 1 {
		t.Errorf("exit %d", r.exit)
	}
	if got := g.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
	r = carectl(t, "info", "--json")
	var document struct {
		Patches []struct{ PID int }
		Error   struct{ Code, Message string }
	}
	err := json.Unmarshal([]byte(r.out), &document)
	listed := slices.ContainsFunc(document.Patches, func(p struct{ PID int }) bool { return p.PID == g.PID })
	if err != nil || r.exit != 1 || !listed || document.Error.Code != "unresponsive" || !strings.HasPrefix(document.Error.Message, "pid "+held+":") {
		t.Errorf("exit %d, %v, %+v", r.exit, err, document)
	}
}

// TestGuardUnresponsive: a commit does not wait for the end of a guard that is not ready yet.
func TestGuardUnresponsive(t *testing.T) {
	pid, err := strconv.Atoi(startTrap(t))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	w, err := new(command).guard(&engine.Journal{PID: pid}, lock)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Ready(); err == nil {
		t.Error("ready, though it cannot have looked")
	}
	over := make(chan struct{})
	go func() { w.End(); close(over) }()
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		t.Error("still waiting")
	}
}

// TestWorkerLeft: of a worker that is left behind, nothing stays open.
func TestWorkerLeft(t *testing.T) {
	c := &command{request: request{name: "info"}, ctx: context.Background(), ui: newUI(io.Discard, io.Discard, false, false)}
	s := c.supervisor()
	for _, tt := range []struct {
		name string
		end  func(w *worker)
	}{
		{"killed", func(w *worker) { _ = w.process.Kill(); w.forget(syscall.SHUT_RDWR) }},
		{"at leisure", func(*worker) { s.close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := openFiles(t)
			w, err := s.ready()
			if err != nil {
				t.Fatal(err)
			}
			own := openFiles(t)
			maps.DeleteFunc(own, func(fd, file string) bool { return before[fd] == file })
			tt.end(w)
			s.worker = nil
			left := openFiles(t) // workers of other tests may end meanwhile
			maps.DeleteFunc(left, func(fd, file string) bool { return own[fd] != file })
			if len(own) == 0 || len(left) > 0 {
				t.Errorf("of %v, %v stay open", own, left)
			}
		})
	}
}

// openFiles returns what each file descriptor of this process stands for, but for the one that reads them.
func openFiles(t *testing.T) map[string]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if file, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			files[e.Name()] = file
		}
	}
	return files
}

// TestWorkerSignalled: a signal that a worker alone gets leaves no process out.
func TestWorkerSignalled(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := &command{request: request{name: "info"}, ctx: ctx, ui: newUI(io.Discard, io.Discard, false, false)}
	defer func() { c.workers.close() }()
	listed := 0
	count := func(_ int, a answer, err error) {
		if err == nil && a.Host != nil {
			listed++
		}
	}
	c.askAll([]int{g.PID}, count) // from here on it takes signals
	first := c.workers.worker.process
	if err := first.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for n := 1; listed == n && c.workers.worker != nil && c.workers.worker.process == first && ctx.Err() == nil; n += 2 {
		c.askAll([]int{g.PID, g.PID}, count) // it may not have heard yet
	}
	if ctx.Err() != nil || listed < 3 || listed%2 == 0 {
		t.Errorf("%d answers, %v", listed, ctx.Err())
	}
}

// TestWaitsForItsTurn: to wait for another carectl is no silence.
func TestWaitsForItsTurn(t *testing.T) {
	g := start(t)
	defer func(d time.Duration) { patience = d }(patience)
	patience = 2 * time.Second
	h, err := engine.Hold(context.Background(), g.PID, engine.Options{Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := carectl(t, "patch", "--wait=0", "-p", g.pid, g.patch)
	if r.exit != 3 || !strings.Contains(r.errs, "another carectl is working on it") {
		t.Errorf("exit %d", r.exit)
	}
	time.AfterFunc(3*time.Second, h.Release)
	carectl(t, "patch", "--wait=60s", "-p", g.pid, g.patch).want(t, 0, "1 patch hunk(s) have been successfully applied to PID '"+g.pid+"'\n")
}

// TestWaitsForThread: to wait for a thread to leave a function is no silence, and --hold says whether it is waited for there.
func TestWaitsForThread(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, stuck, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: `int value(int x) { return x + 77; }`})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	defer func(d time.Duration) { patience = d }(patience)
	patience = 1500 * time.Millisecond
	for _, tt := range []struct {
		hold string
		led  bool
		want string
	}{
		{"--hold=100ms", true, "it did not leave the function in "},
		{"--hold=0", false, "wait longer with --wait"},
	} {
		r := carectl(t, "-v", "patch", tt.hold, "--wait=2500ms", "-p", strconv.Itoa(p.PID), patch)
		if led := strings.Contains(r.errs, "waiting for 1 thread"); r.exit != 3 || led != tt.led || !strings.Contains(r.errs, tt.want) {
			t.Errorf("%s: exit %d", tt.hold, r.exit)
		}
	}
}

// TestSignalUnresponsive: SIGTERM ends carectl while a process does not answer.
func TestSignalUnresponsive(t *testing.T) {
	held := startTrap(t)
	cmd := child("info", "--json", "-p", held)
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !hasWorker(t, cmd.Process.Pid) {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(start); took > 3*time.Second || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(out.String(), `"code": "interrupted"`) {
		t.Errorf("exit %d after %s: %s", cmd.ProcessState.ExitCode(), took, out.String())
	}
}

// hasWorker reports whether carectl has started another process.
func hasWorker(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, children := range threads {
		if text, err := os.ReadFile(children); err == nil && len(text) > 0 {
			return true
		}
	}
	return false
}
