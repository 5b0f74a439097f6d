package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

const nobody = 65534

// hardened compiles a program of hardened.txtar and makes a patch for it, in a directory that every user may enter.
func hardened(t *testing.T, name, compiler string, flags ...string) (program, patch string) {
	t.Helper()
	testkit.Require(t, compiler)
	archive, err := txtar.ParseFile("testdata/hardened.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := everybodys(t)
	for _, f := range archive.Files {
		testkit.WriteFile(t, filepath.Join(dir, f.Name), string(f.Data))
	}
	testkit.Run(t, dir, compiler, append([]string{"-O2", "-Wl,--build-id", "-o", name, name + ".c", "-pthread"}, flags...)...)
	program, patch = filepath.Join(dir, name), filepath.Join(dir, "fix.kpatch")
	made := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x * 5 + 1; }"})
	duplicate(t, made, patch, 0o644)
	return program, patch
}

func everybodys(t *testing.T) string { return everybodysIn(t, "") }

func everybodysIn(t *testing.T, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "gocare-hardened")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func duplicate(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		syscall.ForkLock.RLock() // what another test starts just now would have it open for writing, and it could not be run
		err = os.WriteFile(to, data, mode)
		syscall.ForkLock.RUnlock()
	}
	if err == nil {
		err = os.Chmod(to, mode) // set-user-ID too, whatever the umask
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shutIn is a running program that has shut itself in.
type shutIn struct {
	*testkit.Proc
	pid, patch string
}

// start runs a copy of a program, which may be removed, and shuts it in.
func start(t *testing.T, program, patch, how string, as *syscall.SysProcAttr, mode os.FileMode) (g shutIn, copied string) {
	t.Helper()
	parent := ""
	if how == "huge-file" {
		parent = "/dev/shm" // in memory: of other file systems not every kernel makes huge pages
	}
	dir := everybodysIn(t, parent)
	copied = filepath.Join(dir, "host")
	duplicate(t, program, copied, mode)
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, how, filepath.Join(dir, "empty"))
	cmd.SysProcAttr = as
	p := testkit.StartCmd(t, cmd)
	g = shutIn{p, pid(p), patch}
	line := g.Next()
	if child, ok := strings.CutPrefix(line, "pid "); ok {
		g.pid, line = child, g.Next()
	}
	if strings.HasPrefix(line, "small pages: ") {
		t.Skipf("this kernel makes no huge page here: %s", line)
	}
	if line != "ready" {
		t.Fatalf("got %q", line)
	}
	return g, copied
}

func (g shutIn) answers(t *testing.T, want int) {
	t.Helper()
	g.Send("")
	if got := g.Next(); got != "value "+strconv.Itoa(want) {
		t.Fatalf("got %q, want value %d", got, want)
	}
}

// patchAndUnpatch changes what the program answers, and back.
func (g shutIn) patchAndUnpatch(t *testing.T) {
	t.Helper()
	g.answers(t, 40)
	mustRun(t, 0, ".", nil, "carectl", "patch", "-p", g.pid, g.patch)
	g.answers(t, 66)
	mustRun(t, 0, ".", nil, "carectl", "unpatch", "-p", g.pid, "-i", "0001")
	g.answers(t, 40)
}

// TestHardened: programs that shut themselves in, in every way they know, are patched, and their patches removed.
func TestHardened(t *testing.T) {
	programs(t)
	testkit.Require(t, "root")
	seccomp := []string{"errno", "trap", "kill", "strict", "one-thread", "systemd-mdwe"}
	all := append([]string{
		"mdwe", "non-dumpable", "pid-namespace", "user-namespace", "mount-namespace", "container", "chroot", "chroot-nobody", "pivot-root",
		"remap",
	}, seccomp...)
	some := []string{"nothing", "kill", "one-thread", "systemd-mdwe", "chroot", "remap"}
	for _, tt := range []struct {
		name, compiler string
		flags          []string
		ways           []string
	}{
		{"dynamic", "gcc", nil, all},
		{"fixed addresses", "gcc", []string{"-no-pie"}, some},
		{"static", "gcc", []string{"-static"}, some},
		{"static-pie", "gcc", []string{"-static-pie"}, some},
		{"huge pages", "gcc", []string{"-DLARGE", "-Wl,-z,max-page-size=0x200000,-z,common-page-size=0x200000"}, []string{"huge-file", "huge-memory"}},
		{"musl", "musl-gcc", nil, some},
		{"musl, static", "musl-gcc", []string{"-static"}, some},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			program, patch := hardened(t, "host", tt.compiler, tt.flags...)
			for _, way := range tt.ways {
				t.Run(way, func(t *testing.T) {
					g, _ := start(t, program, patch, way, nil, 0o755)
					g.patchAndUnpatch(t)
				})
			}
		})
	}
}

// TestFileGone: the program's file is not what runs, or is not there.
func TestFileGone(t *testing.T) {
	programs(t)
	testkit.Require(t, "root") // else /proc/PID/map_files is closed
	program, patch := hardened(t, "host", "gcc")
	for _, how := range []string{"nothing", "chroot", "remap", "mount-namespace"} {
		for name, change := range map[string]func(t *testing.T, file string){
			"deleted": func(*testing.T, string) {},
			"replaced": func(t *testing.T, file string) {
				duplicate(t, "/bin/sh", file, 0o755)
			},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				g, file := start(t, program, patch, how, nil, 0o755)
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				change(t, file)
				g.patchAndUnpatch(t)
			})
		}
	}
}

// TestPrivileged: who may not trace a program is told so, and it goes on; root may.
func TestPrivileged(t *testing.T) {
	testkit.Require(t, "root")
	carectl := publicCarectl(t)
	program, patch := hardened(t, "host", "gcc")
	as := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for _, tt := range []struct {
		name, how string
		mode      os.FileMode
		code      string // "" where its user may patch it
	}{
		{"its own", "nothing", 0o755, ""},
		{"set-user-ID", "nothing", 0o755 | os.ModeSetuid, "permission"},
		{"not dumpable", "non-dumpable", 0o755, "permission"},
		{"a filter", "kill", 0o755, "seccomp"},
		{"systemd's filter", "systemd-mdwe", 0o755, "seccomp"},
		{"a filter in one thread", "one-thread", 0o755, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := start(t, program, patch, tt.how, as, tt.mode)
			g.answers(t, 40)
			cmd := exec.Command(carectl, "patch", "--json", "-p", g.pid, patch)
			cmd.SysProcAttr = as
			out, err := cmd.CombinedOutput()
			if (err == nil) != (tt.code == "") || !strings.Contains(string(out), `"`+tt.code) {
				t.Fatalf("%v\n%s", err, out)
			}
			if tt.code == "" {
				g.answers(t, 66)
				return
			}
			g.patchAndUnpatch(t)
		})
	}
}

// TestWaitUnderFilter: a stop makes the kernel go on with some waits by restart_syscall(2), which a filter need not know of.
func TestWaitUnderFilter(t *testing.T) {
	testkit.Require(t, "root")
	carectl := publicCarectl(t)
	program, patch := hardened(t, "sleeper", "gcc")
	as := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for _, tt := range []struct {
		name, args string
		as         *syscall.SysProcAttr
	}{
		{"nanosleep", "nanosleep kill", nil},
		{"poll", "poll kill", nil},
		{"futex", "futex kill", nil},
		{"nanosleep, or an error", "nanosleep fail", nil},
		{"poll, or an error", "poll fail", nil},
		{"by who may not suspend filters", "nanosleep kill thread", as},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(program, strings.Fields(tt.args)...)
			cmd.SysProcAttr = tt.as
			p := testkit.StartCmd(t, cmd)
			for range 2 {
				waitGood(p, t, "good 40")
				control(t, tt.as, carectl, "patch", "-p", pid(p), patch)
				waitGood(p, t, "good 66")
				control(t, tt.as, carectl, "unpatch", "-p", pid(p), "-i", "0001")
			}
			waitGood(p, t, "good 40")
		})
	}
}

// publicCarectl returns a carectl that every user may run.
func publicCarectl(t *testing.T) string {
	t.Helper()
	carectl := filepath.Join(everybodys(t), "carectl")
	duplicate(t, filepath.Join(programs(t), "carectl"), carectl, 0o755)
	return carectl
}

// control runs carectl as a user.
func control(t *testing.T, as *syscall.SysProcAttr, carectl string, args ...string) {
	t.Helper()
	cmd := exec.Command(carectl, args...)
	cmd.SysProcAttr = as
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// waitGood waits for a line; none before it may be of a wait that failed.
func waitGood(p *testkit.Proc, t *testing.T, want string) {
	t.Helper()
	p.WaitFunc(want, func(line string) bool {
		if strings.HasPrefix(line, "bad") {
			t.Errorf("a wait failed: %q", line)
		}
		return line == want
	})
}

// TestMusl: the sample program, built with musl's compiler by way of carecc. musl's library has no unwind tables: its stacks are searched, and
// hold main's address at -O0, which is where the function to be replaced ends.
func TestMusl(t *testing.T) {
	programs(t)
	testkit.Require(t, "musl-gcc")
	for _, flags := range []string{"-O2 -g", "-O0", "-O0 -static", "-O2 -static-pie"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			dir := fooTree(t, true)
			env := []string{"KPCCREAL=musl-gcc", "CFLAGS=-Wl,--build-id " + flags}
			patch := onePatch(t, dir, mustRun(t, 0, dir, env, "patchmake", "--clean", "-i", "0001", "foo.patch"))
			p := testkit.Start(t, filepath.Join(dir, "lpmake", "foo"))
			p.WaitLine(helloOld)
			mustRun(t, 0, dir, nil, "carectl", "patch", "-p", pid(p), patch)
			p.WaitLine(helloNew)
			mustRun(t, 0, dir, nil, "carectl", "unpatch", "-p", pid(p), "-i", "0001")
			p.Drain()
			p.WaitLine(helloOld)
		})
	}
}
