package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/arch"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/internal/trust"
	"gocare/internal/version"
)

// TestMain lets the test binary play carectl, for tests that need it as a process.
func TestMain(m *testing.M) {
	if dir := os.Getenv(siteVariable); dir != "" {
		machine = trust.Site{Dir: dir, Owner: os.Getuid()}
	}
	if os.Getenv("CARECTL_CHILD") == "1" {
		main()
	}
	_ = os.Setenv("CARECTL_CHILD", "1")                    // for those that carectl starts itself
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // the children's is the default, also where the tests' was ignored
	os.Exit(m.Run())
}

const hello = `
#include <stdio.h>
__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
int main(void) {
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin))
		printf("value %d\n", value(13));
	return 0;
}`

const helloPatch = `int value(int x) { return x * 5 + 1; }`

// target is a running program and a patch for it.
type target struct {
	*testkit.Proc
	pid     string
	program string
	patch   string
}

// Other tests run beside these, and patch programs of their own: what is done to all processes must not reach them.
var (
	ownBuildID = fmt.Sprintf("%x", sha256.Sum256([]byte(rand.Text())))[:40] // of programs of this run of the tests
	ownID      = ownBuildID[:7]                                             // of patches of this run
)

func start(t testing.TB) *target {
	t.Helper()
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, hello, []string{"-O2", "-Wl,--build-id=0x" + ownBuildID})
	g := &target{Proc: testkit.Start(t, program), program: program}
	g.pid = strconv.Itoa(g.PID)
	g.patch = handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch, Description: "CVE-2026-1"})
	g.WaitLine("ready")
	return g
}

func (g *target) ask() string { g.Send(""); return g.Next() }

type ran struct {
	out, errs string
	exit      int
}

func carectl(t testing.TB, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	exit := run(context.Background(), args, &out, &errs)
	t.Logf("carectl %q: exit %d\n%s%s", args, exit, out.String(), errs.String())
	return ran{out.String(), errs.String(), exit}
}

func (r ran) want(t testing.TB, exit int, out string) {
	t.Helper()
	if r.exit != exit || r.out != out {
		t.Errorf("exit %d, stdout %q; want %d, %q; stderr %q", r.exit, r.out, exit, out, r.errs)
	}
}

func TestWholeWay(t *testing.T) {
	g := start(t)
	if got := g.ask(); got != "value 40" {
		t.Fatalf("before: %q", got)
	}
	carectl(t, "info", "-p", g.pid).want(t, 0, "")
	carectl(t, "-v", "patch", "-p", g.pid, g.patch).want(t, 0, "1 patch hunk(s) have been successfully applied to PID '"+g.pid+"'\n")
	if got := g.ask(); got != "value 66" {
		t.Errorf("patched: %q", got)
	}
	info := carectl(t, "info", "-p", g.pid)
	for _, row := range []string{
		"^Pid: *" + g.pid + "$", "^Target: *fixture$", "^Build id: *[0-9a-f]{40}$", "^Applied patch number: *1$", "^Patch id: *0001$",
		"^Description: *CVE-2026-1$",
	} {
		if !regexp.MustCompile("(?m)" + row).MatchString(info.out) {
			t.Errorf("info has no row %s:\n%s", row, info.out)
		}
	}
	if all := carectl(t, "info"); !strings.Contains(all.out, "Pid:                  "+g.pid+"\n") {
		t.Errorf("info of all processes does not list it:\n%s", all.out)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001").want(t, 0, "1 patch hunk(s) were successfully cancelled from PID '"+g.pid+"'\n")
	if got := g.ask(); got != "value 40" {
		t.Errorf("removed: %q", got)
	}
	carectl(t, "info", "-p", g.pid).want(t, 0, "")
	r := carectl(t, "patch", "-p", g.pid, g.patch)
	if r.exit != 0 || strings.Contains(r.errs, "keep the values") {
		t.Errorf("a second time: exit %d, %q", r.exit, r.errs)
	}
	if got := g.ask(); got != "value 66" {
		t.Errorf("patched again: %q", got)
	}
}

// TestKeptVariables: a patch that is applied once more says that its variables keep their values, if it has some.
func TestKeptVariables(t *testing.T) {
	g := start(t)
	patch := handpatch.Build(t, handpatch.Spec{Program: g.program, Source: `static int n = 100; int value(int x) { return ++n; }`})
	if r := carectl(t, "patch", "-p", g.pid, patch); r.exit != 0 || strings.Contains(r.errs, "keep the values") {
		t.Errorf("the first time: exit %d, %q", r.exit, r.errs)
	}
	if got := g.ask(); got != "value 101" {
		t.Errorf("patched: %q", got)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	if r := carectl(t, "patch", "-p", g.pid, patch); r.exit != 0 || !strings.Contains(r.errs, "keep the values") {
		t.Errorf("a second time: exit %d, %q", r.exit, r.errs)
	}
	if got := g.ask(); got != "value 102" {
		t.Errorf("patched again: %q", got)
	}
}

func TestBadInput(t *testing.T) {
	g := start(t)
	dir := t.TempDir()
	good, err := os.ReadFile(g.patch)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	corrupt := bytes.Clone(good)
	corrupt[700] ^= 0xff
	foreign := bytes.Clone(good)
	copy(foreign[88:], strings.Repeat("ab", 20))
	elsewhere := bytes.Clone(good)
	other := &arch.AArch64
	if arch.HostName() == other.Name {
		other = &arch.X86_64
	}
	elsewhere[504+18] = byte(other.Machine) // e_machine
	reseal(elsewhere)
	reseal(foreign)
	empty := t.TempDir()
	misnamed := t.TempDir()
	testkit.WriteFile(t, filepath.Join(misnamed, inspectBuildID(t, g.PID)+".kpatch"), string(foreign))

	for _, tt := range []struct {
		name string
		args []string
		exit int
		want string // in standard error
	}{
		{"no command", []string{}, 2, "no command"},
		{"unknown command", []string{"frobnicate"}, 2, `unknown command "frobnicate"`},
		{"unknown option", []string{"patch", "-p", g.pid, "--frob", g.patch}, 2, "unknown option --frob"},
		{"option of another command", []string{"info", "--wait=1"}, 2, "unknown option --wait"},
		{"no process", []string{"patch", g.patch}, 2, "no process given"},
		{"no patch", []string{"patch", "-p", g.pid}, 2, "no patch given"},
		{"no number", []string{"patch", "-p", "12x", g.patch}, 2, `"12x" is no process id`},
		{"bad wait", []string{"patch", "-p", g.pid, "--wait=soon", g.patch}, 2, "--wait=soon is no duration"},
		{"no id", []string{"unpatch", "-p", g.pid}, 2, "no patch id"},
		{"bad id", []string{"unpatch", "-p", g.pid, "-i", "a/b"}, 2, `"a/b"`},
		{"argument of info", []string{"info", g.pid}, 2, "unexpected argument"},
		{"missing file", []string{"patch", "-p", g.pid, filepath.Join(dir, "none")}, 1, "no such file"},
		{"truncated", []string{"patch", "-p", g.pid, file("f1", good[:len(good)/2])}, 1, "file ends after"},
		{"empty file", []string{"patch", "-p", g.pid, file("f2", nil)}, 1, "file ends after 0 of 504 bytes"},
		{"corrupt", []string{"patch", "-p", g.pid, file("f3", corrupt)}, 1, "the file is damaged"},
		{"no patch file", []string{"patch", "-p", g.pid, file("f4", []byte("\x7fELF"))}, 1, "no patch file"},
		{"another machine", []string{"patch", "-p", g.pid, file("f5", elsewhere)}, 1, other.Name},
		{"no such process", []string{"patch", "-p", "4194305", g.patch}, 1, "no such process"},
		{"zombie", []string{"patch", "-p", zombie(t), g.patch}, 1, "has ended"},
		{"id not applied", []string{"unpatch", "-p", g.pid, "-i", "0002"}, 1, "patch 0002 is not applied"},
		{"empty directory", []string{"patch", "-p", g.pid, empty}, 1, "no patch is for an object"},
		{"misnamed patch in a directory", []string{"patch", "-p", g.pid, misnamed}, 1, "is for BuildID abab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := carectl(t, tt.args...)
			if r.exit != tt.exit || !strings.Contains(r.errs, tt.want) {
				t.Errorf("exit %d, want %d; standard error has no %q", r.exit, tt.exit, tt.want)
			}
			if !strings.Contains(r.errs, "hint: ") {
				t.Error("nothing says what to do")
			}
			if strings.Count(r.errs, "error: ") != 1 || strings.Count(r.errs, "\n") > 3 {
				t.Errorf("not one clear message: %q", r.errs)
			}
			j := carectl(t, append(append([]string{}, tt.args...), "--json")...)
			var document struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal([]byte(j.out), &document); err != nil || document.Error.Message == "" || j.exit != tt.exit {
				t.Errorf("json: exit %d, %v: %q", j.exit, err, j.out)
			}
		})
	}
	if got := g.ask(); got != "value 40" {
		t.Errorf("after all that: %q", got)
	}
}

// reseal makes the digest at the end of a patch file right again.
func reseal(file []byte) {
	clear(file[len(file)-sha256.Size:])
	sum := sha256.Sum256(file)
	copy(file[len(file)-sha256.Size:], sum[:])
}

func TestKernelThread(t *testing.T) {
	const kthreadd = "2" // of which all others are children
	if s, err := inspect.Status(2); err != nil || !s.KernelThread() {
		t.Skip("no kernel thread is to be seen here")
	}
	g := start(t)
	if r := carectl(t, "patch", "-p", kthreadd, g.patch); r.exit != 1 || !strings.Contains(r.errs, "kernel thread") {
		t.Errorf("exit %d", r.exit)
	}
}

func inspectBuildID(t testing.TB, pid int) string {
	t.Helper()
	p, err := inspect.Look(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	return p.Main().BuildID
}

// zombie returns the PID of a process that has ended and was not waited for.
func zombie(t testing.TB) string {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	const wExited, wNoWait, pPID = 4, 0x1000000, 1
	if _, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(cmd.Process.Pid), 0, wExited|wNoWait, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
	return strconv.Itoa(cmd.Process.Pid)
}

func TestAppliedTwice(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	r := carectl(t, "patch", "-p", g.pid, g.patch)
	if r.exit != 1 || !strings.Contains(r.errs, "already applied") || r.out != "" {
		t.Errorf("exit %d", r.exit)
	}
	if got := g.ask(); got != "value 66" {
		t.Errorf("got %q", got)
	}
}

// TestReplaced: a rebuilt patch takes the place of the one of its id, in one stop; check says so before.
func TestReplaced(t *testing.T) {
	g := start(t)
	again := handpatch.Build(t, handpatch.Spec{Program: g.program, Source: `int value(int x) { return x * 7 + 1; }`})
	carectl(t, "patch", "-p", g.pid, g.patch).want(t, 0, "1 patch hunk(s) have been successfully applied to PID '"+g.pid+"'\n")
	if r := carectl(t, "check", "-p", g.pid, "--replace", "0001", again); r.exit != 0 || !strings.Contains(r.out, "Removes:              0001") {
		t.Errorf("check: exit %d", r.exit)
	}
	if r := carectl(t, "check", "--json", "-p", g.pid, "--replace", "0001", again); !strings.Contains(r.out, `"removed": [`) {
		t.Errorf("check --json: exit %d", r.exit)
	}
	if got := g.ask(); got != "value 66" {
		t.Errorf("after check: %q", got)
	}
	r := carectl(t, "patch", "--json", "-p", g.pid, "--replace", "0001", again)
	if r.exit != 0 || !strings.Contains(r.out, `"removed": [`) {
		t.Errorf("patch: exit %d", r.exit)
	}
	if got := g.ask(); got != "value 92" {
		t.Errorf("after patch: %q", got)
	}
	if r := carectl(t, "patch", "-p", g.pid, "--replace", "a/b", again); r.exit != 2 || !strings.Contains(r.errs, "--replace") {
		t.Errorf("bad id: exit %d", r.exit)
	}
}

// TestWrongBuildID: the same program, built otherwise.
func TestWrongBuildID(t *testing.T) {
	g := start(t)
	program := testkit.CCText(t, hello, []string{"-O2", "-DOTHER", "-Wl,--build-id=0x0123456789abcdef0123456789abcdef01234567"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	r := carectl(t, "patch", "-p", g.pid, patch)
	r.want(t, 1, "No patch(es) applicable to PID '"+g.pid+"' have been found\n")
	if !strings.Contains(r.errs, "0123456789abcdef0123456789abcdef01234567") {
		t.Errorf("standard error does not name the BuildID: %q", r.errs)
	}
}

// TestTraced: somebody else traces the target.
func TestTraced(t *testing.T) {
	g := start(t)
	tracer := testkit.CCText(t, `
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
int main(int argc, char **argv) {
	if (ptrace(PTRACE_SEIZE, atoi(argv[1]), 0, 0)) return 1;
	puts("tracing"); fflush(stdout);
	getchar();
	return 0;
}`, nil)
	p := testkit.Start(t, tracer, g.pid)
	p.WaitLine("tracing")
	r := carectl(t, "patch", "-p", g.pid, g.patch, "--json")
	if r.exit != 3 || !strings.Contains(r.errs, "traced by pid "+strconv.Itoa(p.PID)) || !strings.Contains(r.out, `"code": "traced"`) {
		t.Errorf("exit %d", r.exit)
	}
	p.CloseInput()
	p.Wait()
	if got := g.ask(); got != "value 40" {
		t.Errorf("got %q", got)
	}
}

// TestSeveralPIDs: several numbers behind -p, one of a process that has no target: all are tried, the exit code is 1.
func TestSeveralPIDs(t *testing.T) {
	a, b := start(t), start(t)
	cat := testkit.Start(t, "cat")
	r := carectl(t, "patch", "-p", a.pid, b.pid, strconv.Itoa(cat.PID), a.patch)
	if r.exit != 1 || strings.Count(r.out, "successfully applied") != 2 || !strings.Contains(r.out, "No patch(es) applicable") {
		t.Errorf("exit %d", r.exit)
	}
	if x, y := a.ask(), b.ask(); x != "value 66" || y != "value 66" {
		t.Errorf("got %q, %q", x, y)
	}
	r = carectl(t, "unpatch", "-i", "0001", "-p", a.pid+","+b.pid)
	if r.exit != 0 || strings.Count(r.out, "successfully cancelled") != 2 {
		t.Errorf("exit %d", r.exit)
	}
}

// TestMissingPID: where a number is no process, none of the others is touched; one that is given twice is one.
func TestMissingPID(t *testing.T) {
	g := start(t)
	thread := 0
	threads, err := os.ReadDir("/proc/self/task")
	for _, e := range threads {
		if tid, _ := strconv.Atoi(e.Name()); tid != os.Getpid() {
			thread = tid
		}
	}
	if err != nil || thread == 0 {
		t.Fatal("no thread", err)
	}
	apply, remove := []string{"patch", g.patch}, []string{"unpatch", "-i", "0001"}
	for _, tt := range []struct {
		name    string
		command []string
		pids    string
		exit    int
		say     string
		answer  string
	}{
		{"patch, last missing", apply, g.pid + ",999999999", 1, "state: no process was changed", "value 40"},
		{"patch, first missing", apply, "999999999," + g.pid, 1, "state: no process was changed", "value 40"},
		{"patch, a thread", apply, fmt.Sprintf("%s,%d", g.pid, thread), 1, "is a thread of process", "value 40"},
		{"patch, only one, missing", apply, "999999999", 1, "it was not changed", "value 40"},
		{"patch, twice the same", apply, g.pid + "," + g.pid, 0, "", "value 66"},
		{"unpatch, last missing", remove, g.pid + ",999999999", 1, "no process was changed", "value 66"},
		{"unpatch, twice the same", remove, g.pid + "," + g.pid, 0, "", "value 40"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := carectl(t, append(tt.command, "-p", tt.pids)...)
			if got := g.ask(); r.exit != tt.exit || !strings.Contains(r.errs, tt.say) || got != tt.answer {
				t.Errorf("exit %d, the process says %q", r.exit, got)
			}
		})
	}
}

// TestAll: all processes of the machine, of which some have the target.
func TestAll(t *testing.T) {
	a, b := start(t), start(t)
	patch := handpatch.Build(t, handpatch.Spec{Program: a.program, ID: ownID, Source: helloPatch})
	r := carectl(t, "patch", "-p", "all", patch, "--json")
	var document struct {
		Processes []struct {
			PID    int
			Status string
		}
	}
	if err := json.Unmarshal([]byte(r.out), &document); err != nil || r.exit != 0 || len(document.Processes) != 2 {
		t.Errorf("exit %d, %v, %+v", r.exit, err, document)
	}
	if x, y := a.ask(), b.ask(); x != "value 66" || y != "value 66" {
		t.Errorf("got %q, %q", x, y)
	}
	if r := carectl(t, "unpatch", "-p", "all", "-i", ownID, "fixture"); r.exit != 0 || strings.Count(r.out, "cancelled") != 2 {
		t.Errorf("exit %d", r.exit)
	}
}

func TestDirectory(t *testing.T) {
	g := start(t)
	dir := t.TempDir()
	data, err := os.ReadFile(g.patch)
	if err != nil {
		t.Fatal(err)
	}
	id := inspectBuildID(t, g.PID)
	testkit.WriteFile(t, filepath.Join(dir, id+".kpatch"), string(data))
	if r := carectl(t, "patch", "-p", g.pid, dir); r.exit != 0 {
		t.Errorf("exit %d", r.exit)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	newer := handpatch.Build(t, handpatch.Spec{Program: g.program, ID: "0002", Source: `int value(int x) { return x * 7 + 1; }`})
	if data, err = os.ReadFile(newer); err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, filepath.Join(dir, id, "latest", "kpatch.bin"), string(data))
	if r := carectl(t, "patch", "-p", g.pid, dir); r.exit != 0 {
		t.Errorf("exit %d", r.exit)
	}
	if got := g.ask(); got != "value 92" {
		t.Errorf("latest is not taken first: %q", got)
	}
}

// TestCheckTellsTheTruth: what check prints is what patch then writes.
func TestCheckTellsTheTruth(t *testing.T) {
	g := start(t)
	r := carectl(t, "check", "-p", g.pid, g.patch, "--json")
	var document checkDocument
	if err := json.Unmarshal([]byte(r.out), &document); err != nil || r.exit != 0 {
		t.Fatalf("exit %d, %v", r.exit, err)
	}
	f := document.Processes[0].Patches[0].Functions[0]
	read := func() string {
		t.Helper()
		p, err := inspect.Look(g.PID)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		at, err := strconv.ParseUint(f.Address, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(f.Jump)/2)
		if _, err := p.Mem().ReadAt(b, int64(at)); err != nil {
			t.Fatal(err)
		}
		return hexOf(b)
	}
	if got := read(); got != f.OldBytes {
		t.Errorf("before: memory holds %s, check says %s", got, f.OldBytes)
	}
	carectl(t, "patch", "-p", g.pid, g.patch)
	if got := read(); got != f.Jump {
		t.Errorf("after: memory holds %s, check says %s", got, f.Jump)
	}
	p, err := inspect.Look(g.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	regions, err := p.Regions()
	if err != nil || len(regions) != 1 || hexAddr(uint64(regions[0].Start)) != document.Processes[0].Patches[0].Region {
		t.Errorf("regions %+v, %v; check says %s", regions, err, document.Processes[0].Patches[0].Region)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func hexAddr(a uint64) string { return "0x" + strconv.FormatUint(a, 16) }

func TestVersionAndHelp(t *testing.T) {
	carectl(t, "--version").want(t, 0, "carectl "+version.String+"\n")
	for _, args := range [][]string{{"-h"}, {"--help"}, {"patch", "-h"}, {"-v", "info", "--help"}} {
		if r := carectl(t, args...); r.exit != 0 || !strings.Contains(r.out, "carectl") {
			t.Errorf("%q: exit %d", args, r.exit)
		}
	}
}

// TestUnmap: on request nothing stays mapped.
func TestUnmap(t *testing.T) {
	g := start(t)
	before := mappings(t, g.PID)
	carectl(t, "patch", "-p", g.pid, g.patch)
	if r := carectl(t, "unpatch", "--unmap", "-p", g.pid, "-i", "0001"); r.exit != 0 {
		t.Errorf("exit %d", r.exit)
	}
	if got := g.ask(); got != "value 40" {
		t.Errorf("got %q", got)
	}
	if after := mappings(t, g.PID); after != before {
		t.Errorf("%d mappings before, %d after", before, after)
	}
	if r := carectl(t, "recover", "-p", g.pid); r.exit != 1 || !strings.Contains(r.errs, "half applied") {
		t.Errorf("recover: exit %d", r.exit)
	}
}

func mappings(t testing.TB, pid int) int {
	t.Helper()
	p, err := inspect.Look(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	n := 0
	for _, m := range p.Mappings {
		if m.Path != "[heap]" { // malloc's own business
			n++
		}
	}
	return n
}
