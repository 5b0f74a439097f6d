package inspect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gocare/internal/arch"
	"gocare/internal/elfobj"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

const waitProgram = `
#include <stdio.h>
int value = 42;
const char *text(void) { return "ready"; }
int main(void) { printf("%p %p\n", (void *)text, (void *)&value); puts(text()); fflush(stdout); return getchar() == EOF; }
`

// startWaiting starts a program that has printed the addresses of text and value.
func startWaiting(t *testing.T, program string) (p *testkit.Proc, addresses string) {
	t.Helper()
	p = testkit.Start(t, program)
	addresses = p.Next()
	p.WaitLine("ready")
	return p, addresses
}

func read(t *testing.T, pid int) *Process {
	t.Helper()
	p, err := Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestReadPrograms(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct {
		name    string
		flags   []string
		objects int
		bias    bool
	}{
		{"pie", []string{"-pie", "-fPIE"}, 3, true},
		{"no-pie", []string{"-no-pie", "-fno-pie"}, 3, false},
		{"static", []string{"-static"}, 1, false},
		{"static-pie", []string{"-static-pie", "-fPIE"}, 1, true},
		{"noseparate-code", []string{"-Wl,-z,noseparate-code", "-Wl,-z,norelro"}, 3, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := testkit.CCText(t, waitProgram, append(tt.flags, "-Wl,--build-id"))
			live, addresses := startWaiting(t, program)
			p := read(t, live.PID)
			main := p.Main()
			if main == nil || main.Path != program || main.Name != "fixture" {
				t.Fatalf("executable: %+v", main)
			}
			if len(p.Objects) != tt.objects {
				t.Errorf("%d objects, want %d", len(p.Objects), tt.objects)
			}
			if (main.Bias != 0) != tt.bias {
				t.Errorf("bias 0x%x", uint64(main.Bias))
			}
			checkAddresses(t, p, addresses)
			for _, o := range p.Objects {
				if o.Err != nil || o.ELF == nil || o.BuildID == "" || o.BuildID != o.ELF.BuildID() {
					t.Errorf("%s: BuildID %q, error %v", o.Path, o.BuildID, o.Err)
				}
				if got := p.Object(o.BuildID); got == nil || got.Path != o.Path {
					t.Errorf("Object(%q) = %v", o.BuildID, got)
				}
			}
			if !p.Alive() {
				t.Error("not alive")
			}
		})
	}
}

// checkAddresses compares symbol addresses with what the program printed, and reads the variable.
func checkAddresses(t *testing.T, p *Process, addresses string) {
	t.Helper()
	want := strings.Fields(addresses)
	got := map[string]Addr{}
	for _, s := range p.Main().ELF.Symbols {
		got[s.Name] = p.Main().Addr(LinkAddr(s.Value))
	}
	for i, name := range []string{"text", "value"} {
		if hex(got[name]) != want[i] {
			t.Errorf("%s at %s, want %s", name, hex(got[name]), want[i])
		}
		if o := p.ObjectAt(got[name]); o == nil || !o.Main {
			t.Errorf("%s at %s is in %v", name, want[i], o)
		}
	}
	var b [4]byte
	if _, err := p.Mem().ReadAt(b[:], int64(got["value"])); err != nil || b != [4]byte{42} {
		t.Errorf("value: % x, %v", b, err)
	}
}

func hex(a Addr) string { return fmt.Sprintf("0x%x", uint64(a)) }

func TestReadReplacedFiles(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace", "root")
	for _, tt := range []struct {
		name    string
		replace func(t *testing.T, path string)
	}{
		{"deleted", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced by another program", func(t *testing.T, path string) {
			other := testkit.CCText(t, "int main(void) { return 7; }", []string{"-Wl,--build-id"})
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := testkit.CCText(t, waitProgram, []string{"-Wl,--build-id"})
			file, err := elfobj.Load(program)
			if err != nil {
				t.Fatal(err)
			}
			live, addresses := startWaiting(t, program)
			tt.replace(t, program)
			p := read(t, live.PID)
			if got, want := p.Main().BuildID, file.BuildID(); got != want {
				t.Errorf("BuildID %s, want that of the running file, %s", got, want)
			}
			if p.Main().Name != "fixture" {
				t.Errorf("name %q", p.Main().Name)
			}
			checkAddresses(t, p, addresses)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = zombie.Wait() })
	for _, tt := range []struct {
		name string
		code fault.Code
		pid  func(t *testing.T) int
	}{
		{"no process", "no-process", func(*testing.T) int { return 1<<22 + 1 }},
		{"not a PID", "no-process", func(*testing.T) int { return -1 }},
		{"zombie", "zombie", func(t *testing.T) int { return awaitZombie(t, zombie.Process.Pid) }},
		{"kernel thread", "kernel-thread", kernelThread},
		{"thread", "no-process", otherThread},
		{"32-bit", "machine", program32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Read(tt.pid(t))
			if e := fault.As(err); e == nil || e.Code != tt.code || e.Hint == "" || p != nil {
				t.Errorf("got %v, %#v; want code %q and a hint", p, err, tt.code)
			}
		})
	}
}

// awaitZombie waits until a child has ended, without collecting it.
func awaitZombie(t *testing.T, pid int) int {
	t.Helper()
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return pid
}

func kernelThread(t *testing.T) int {
	const kthreadd = 2 // of which all others are children: some of them end
	if s, err := Status(kthreadd); err != nil || !s.KernelThread() {
		t.Skip("no kernel thread is visible here")
	}
	return kthreadd
}

func otherThread(t *testing.T) int {
	tids, err := threadIDs(os.Getpid())
	if err != nil || len(tids) < 2 {
		t.Skip("this test has one thread")
	}
	return tids[1]
}

func program32(t *testing.T) int {
	t.Helper()
	testkit.Require(t, "gcc")
	dir := t.TempDir()
	testkit.WriteFile(t, filepath.Join(dir, "a.c"), "void start(void) { for (;;) __builtin_ia32_pause(); }")
	build := exec.Command("gcc", "-m32", "-static", "-nostdlib", "-Wl,-estart", "-o", "a", "a.c")
	build.Dir = dir
	if msg, err := build.CombinedOutput(); err != nil {
		t.Skipf("no 32-bit compiler here: %s", msg)
	}
	cmd := exec.Command(filepath.Join(dir, "a"))
	if err := cmd.Start(); err != nil {
		t.Skipf("no 32-bit programs here: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

func TestCheckMachine(t *testing.T) {
	header := func(class, machine byte) string {
		b := make([]byte, 64)
		copy(b, "\x7fELF")
		b[4], b[5], b[18], b[54] = class, 1, machine, 56
		return string(b)
	}
	for _, tt := range []struct {
		name, text string
		refused    bool
	}{
		{"x86-64", header(2, 62), arch.Host() != &arch.X86_64},
		{"i386", header(1, 3), true},
		{"aarch64", header(2, 183), arch.Host() != &arch.AArch64},
		{"x32", header(1, 62), true},
		{"script", "#!/bin/sh\n", true},
		{"empty", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "exe")
			testkit.WriteFile(t, path, tt.text)
			_, err := machineOf(path, "pid 1")
			if e := fault.As(err); (e != nil) != tt.refused || e != nil && e.Code != "machine" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWithPages(t *testing.T) {
	for _, tt := range []struct {
		machine *arch.Target
		size    uint64
		refused bool
	}{
		{&arch.X86_64, 4096, false},
		{&arch.X86_64, 16384, true},
		{&arch.AArch64, 4096, false},
		{&arch.AArch64, 16384, false},
		{&arch.AArch64, 65536, false},
		{&arch.AArch64, 131072, true},
		{&arch.AArch64, 20480, true},
		{&arch.AArch64, 0, false},
	} {
		m, err := withPages(tt.machine, tt.size, "pid 1")
		if e := fault.As(err); (e != nil) != tt.refused || e != nil && e.Code != "machine" || e == nil && tt.size != 0 && m.PageSize != tt.size {
			t.Errorf("%s, %d: %v, %v", tt.machine.Name, tt.size, m, err)
		}
	}
}

func TestReadAfterLeaderHasExited(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
#include <pthread.h>
#include <stdio.h>
static void *wait_for_input(void *leader) {
	pthread_join(*(pthread_t *)leader, 0);
	puts("ready"); fflush(stdout); getchar(); return 0; }
int main(void) {
	static pthread_t leader, t; leader = pthread_self();
	pthread_create(&t, 0, wait_for_input, &leader); pthread_exit(0); }
`, []string{"-pthread"})
	live := testkit.Start(t, program)
	live.WaitLine("ready")
	p := read(t, live.PID)
	if p.Live == p.PID || p.Main() == nil || p.Main().ELF == nil || !p.Alive() {
		t.Errorf("live thread %d of %d, executable %v, alive %v", p.Live, p.PID, p.Main(), p.Alive())
	}
}

func TestAliveSeesTheEnd(t *testing.T) {
	testkit.Require(t, "cat", "ptrace")
	live := testkit.Start(t, "cat")
	p := read(t, live.PID)
	if !p.Alive() {
		t.Fatal("not alive while it runs")
	}
	other := *p
	other.StartTime++
	if other.Alive() {
		t.Error("a process with another start time is taken for the same")
	}
	live.CloseInput()
	awaitZombie(t, live.PID)
	if p.Alive() {
		t.Error("a zombie is taken for alive")
	}
	live.Wait()
	if p.Alive() {
		t.Error("alive after its end")
	}
}

func TestPIDsHasUsAndNoKernelThread(t *testing.T) {
	pids, err := PIDs()
	if err != nil {
		t.Fatal(err)
	}
	self, kernel := false, []int(nil)
	for _, pid := range pids {
		self = self || pid == os.Getpid()
		if s, err := Status(pid); err == nil && s.KernelThread() {
			kernel = append(kernel, pid)
		}
	}
	if !self {
		t.Error("this process is missing")
	}
	if text, err := os.ReadFile("/proc/self/status"); err == nil && !strings.Contains(string(text), "\nKthread:") {
		t.Skip("this kernel does not say which processes are its own")
	}
	if len(kernel) > 0 {
		t.Errorf("kernel threads %d", kernel)
	}
}

func TestStatusParsesOddNames(t *testing.T) {
	stat := "7 (a) b (c) S 1 7 7 0 -1 4194304 " + strings.Repeat("0 ", 12) + "5555 1 1 1 1 1 1 " + strings.Repeat("0 ", 24)
	var s ThreadStatus
	if err := parseStat([]byte(stat), &s); err != nil {
		t.Fatal(err)
	}
	if s.Comm != "a) b (c" || s.StartTime != 5555 || s.Flags != 4194304 {
		t.Errorf("got %+v", s)
	}
	for _, bad := range []string{"", "7 (x", ") (", "7 (x) S 1"} {
		if parseStat([]byte(bad), &s) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code fault.Code
	}{
		{"gone while read", os.ErrNotExist, "no-process"},
		{"ESRCH", syscall.ESRCH, "no-process"},
		{"EPERM", syscall.EPERM, "permission"},
		{"EACCES", syscall.EACCES, "permission"},
		{"EIO", syscall.EIO, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := (&Process{PID: 9}).explain(tt.err)
			if e := fault.As(err); e == nil || e.Code != tt.code || e.Where != "pid 9" {
				t.Errorf("got %#v", err)
			}
			if tt.code == "permission" && !errors.Is(err, tt.err) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestGapInAProcess(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	for _, tt := range []struct {
		name  string
		flags []string
		low   bool
	}{
		{"pie", []string{"-pie", "-fPIE"}, false},
		{"no-pie", []string{"-no-pie", "-fno-pie"}, true},
		{"static", []string{"-static"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			live, _ := startWaiting(t, testkit.CCText(t, waitProgram, append(tt.flags, "-Wl,--build-id")))
			p := read(t, live.PID)
			for _, o := range p.Objects {
				low := tt.low && o.Main
				at, err := p.Gap(&o, p.Machine, 0x5000, low)
				if err != nil {
					t.Fatalf("%s: %v", o.Path, err)
				}
				if p.MappingAt(at) != nil || p.MappingAt(at+0x4fff) != nil || low && at+0x5000 > 1<<31 {
					t.Errorf("%s: 0x%x is not free, or too high", o.Path, uint64(at))
				}
				if main := p.Main(); at >= main.End && at < main.End+brkRoom {
					t.Errorf("%s: 0x%x is where the heap grows", o.Path, uint64(at))
				}
			}
			if regions, err := p.Regions(); err != nil || len(regions) != 0 {
				t.Errorf("%d live patches, %v", len(regions), err)
			}
		})
	}
	live := testkit.Start(t, "cat")
	live.Send("on")
	if got := live.Next(); got != "on" {
		t.Fatalf("cat says %q", got)
	}
	p := read(t, live.PID)
	_, err := p.Gap(p.Main(), p.Machine, 3<<30, false)
	if e := fault.As(err); e == nil || e.Code != "no-room" || e.Where == "" {
		t.Errorf("3 GiB: %v", err)
	}
}
