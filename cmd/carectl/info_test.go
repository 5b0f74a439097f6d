package main

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/internal/ui"
	"gocare/kpatch"
)

// surveyed is the JSON document of info.
func surveyed(t *testing.T, exit int, args ...string) (s survey) {
	t.Helper()
	r := carectl(t, append([]string{"info", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || r.exit != exit {
		t.Fatalf("exit %d, want %d; %v", r.exit, exit, err)
	}
	return s
}

// state returns what is said of the objects of a process, "" if nothing is.
func (s *survey) state(pid int) string {
	var states []string
	for _, h := range s.Processes {
		for _, o := range h.Objects {
			if h.PID == pid {
				states = append(states, o.State)
			}
		}
	}
	return strings.Join(states, " ")
}

// TestInfoOfPatches: two processes of a program, of which one is patched.
func TestInfoOfPatches(t *testing.T) {
	g := start(t)
	other := testkit.Start(t, g.program)
	other.WaitLine("ready")
	given := []string{"-p", g.pid, "-p", strconv.Itoa(other.PID), filepath.Dir(g.patch)}
	var all survey // of the machine, on which others may run what cannot be looked at
	if err := json.Unmarshal([]byte(carectl(t, "info", "--json", g.patch).out), &all); err != nil || all.state(other.PID) != vulnerable {
		t.Errorf("all processes: %v, %+v", err, all)
	}
	if s := surveyed(t, 3, given...); s.state(g.PID) != vulnerable || s.state(other.PID) != vulnerable || s.Summary.Vulnerable != 2 {
		t.Errorf("before: %+v", s)
	}
	carectl(t, "patch", "-p", g.pid, g.patch)
	if s := surveyed(t, 3, given...); s.state(g.PID) != patched || s.state(other.PID) != vulnerable || s.Summary.Patched != 1 {
		t.Errorf("one patched: %+v", s)
	}
	if r := carectl(t, append([]string{"info"}, given...)...); r.exit != 3 || !strings.Contains(r.out, "State:                vulnerable\n") ||
		!strings.Contains(r.errs, "1 vulnerable process, of which 0 cannot be patched now; 1 patched") {
		t.Errorf("text: exit %d\n%s%s", r.exit, r.out, r.errs)
	}
	if s := surveyed(t, 0, "-p", g.pid+","+g.pid, g.patch); s.state(g.PID) != patched {
		t.Errorf("of the patched one alone: %+v", s)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001")
	if s := surveyed(t, 3, given...); s.state(g.PID) != vulnerable {
		t.Errorf("removed: %+v", s)
	}
}

// TestInfoOfAnotherVersion: a patch of the same id that was made from other sources does not count, and the obstacle says how to change it.
func TestInfoOfAnotherVersion(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	other := handpatch.Build(t, handpatch.Spec{Program: g.program, Source: `int value(int x) { return x * 7 + 1; }`})
	s := surveyed(t, 3, "-p", g.pid, other)
	if s.state(g.PID) != vulnerable || s.Summary.Obstructed != 1 {
		t.Fatalf("%+v", s)
	}
	if o := s.Processes[0].Objects[0].Obstacle; o.Code != "already-applied" || o.Hint != "apply this one with --replace 0001" {
		t.Errorf("%+v", o)
	}
}

// TestInfoOfAStackedPatch: a patch whose function a later one replaces, which has not its change, is no fix.
func TestInfoOfAStackedPatch(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	over := handpatch.Build(t, handpatch.Spec{Program: g.program, ID: "0002", Source: `int value(int x) { return x * 7 + 1; }`})
	carectl(t, "patch", "--allow=over-patch", "-p", g.pid, over)
	if s := surveyed(t, 3, "-p", g.pid, g.patch); s.state(g.PID) != vulnerable {
		t.Errorf("%+v", s)
	}
	if s := surveyed(t, 0, "-p", g.pid, over); s.state(g.PID) != patched {
		t.Errorf("the upper one: %+v", s)
	}
}

// TestInfoSaysWhyNot: a process that is traced cannot be patched now.
func TestInfoSaysWhyNot(t *testing.T) {
	testkit.Require(t, "gdb")
	g := start(t)
	gdb := exec.Command("gdb", "-q", "-p", g.pid)
	in, err := gdb.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := gdb.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gdb.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = gdb.Wait() }()
	waitFor(t, out, "(gdb)")
	s := surveyed(t, 3, "-p", g.pid, g.patch)
	if s.state(g.PID) != vulnerable || s.Processes[0].Objects[0].Obstacle == nil || s.Processes[0].Objects[0].Obstacle.Code != "traced" {
		t.Errorf("%+v", s)
	}
}

func TestInfoByCVE(t *testing.T) {
	g := start(t)
	named := handpatch.Build(t, handpatch.Spec{Program: g.program, Source: helloPatch, Description: "CVE-2026-1234"})
	for name, tt := range map[string]struct {
		args   []string
		exit   int
		stderr string
	}{
		"a patch that names it":         {[]string{"--cve=cve-2026-1234", named}, 3, ""},
		"a directory that has one":      {[]string{"--cve=CVE-2026-1234", filepath.Dir(named)}, 3, ""},
		"one that does not":             {[]string{"--cve=CVE-2026-1234", g.patch}, 1, "no patch given says that it fixes CVE-2026-1234"},
		"a directory that has none":     {[]string{"--cve=CVE-2026-1234", filepath.Dir(g.patch)}, 1, "no patch given says that it fixes CVE-2026-1234"},
		"no name":                       {[]string{"--cve=2026-1234", named}, 2, "no name of a CVE"},
		"nothing applied that names it": {[]string{"--cve=CVE-2026-1234"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := carectl(t, append([]string{"info", "-p", g.pid}, tt.args...)...)
			if r.exit != tt.exit || !strings.Contains(r.errs, tt.stderr) {
				t.Errorf("exit %d, %q", r.exit, r.errs)
			}
		})
	}
	if r := carectl(t, "info", "--json", "--cve=CVE-2026-1234", g.patch); !strings.Contains(r.out, `"cve-unknown"`) {
		t.Errorf("no code of the error")
	}
	carectl(t, "patch", "-p", g.pid, named)
	for cve, want := range map[string]int{"CVE-2026-1234": 1, "CVE-2026-9999": 0} {
		if s := surveyed(t, 0, "-p", g.pid, "--cve", cve); len(s.Patches) != want {
			t.Errorf("%s: %+v", cve, s.Patches)
		}
	}
}

// TestInfoOfFilesThatAreGone: what became of a program's file while it runs.
func TestInfoOfFilesThatAreGone(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	source := hello + "\nchar more[] = \"%s\";"
	build := func(text string) string {
		return testkit.CCText(t, strings.Replace(source, "%s", text, 1), []string{"-O2"})
	}
	move := func(t *testing.T, from, to string) {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to+".new", data, 0o755)
		}
		if err == nil {
			err = os.Rename(to+".new", to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	first, second := build("first"), build("second")
	for name, tt := range map[string]struct {
		change func(t *testing.T, path string)
		want   string
	}{
		"as it was":            {func(*testing.T, string) {}, ""},
		"replaced":             {func(t *testing.T, path string) { move(t, second, path) }, "replaced"},
		"replaced by the same": {func(t *testing.T, path string) { move(t, first, path) }, "reinstalled"},
		"deleted":              {func(t *testing.T, path string) { _ = os.Remove(path) }, "deleted"},
		"a directory there": {func(t *testing.T, path string) {
			_ = os.Remove(path)
			_ = os.Mkdir(path, 0o755)
		}, "deleted"},
		"a dangling link there": {func(t *testing.T, path string) {
			_ = os.Remove(path)
			_ = os.Symlink("nowhere", path)
		}, "deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, base := range []string{"prog", "its name (deleted)", "two\nlines"} {
				path := filepath.Join(t.TempDir(), base)
				move(t, first, path)
				p := testkit.Start(t, path)
				p.WaitLine("ready")
				tt.change(t, path)
				s, got := surveyed(t, 0, "-p", strconv.Itoa(p.PID)), ""
				for _, h := range s.Processes {
					for _, o := range h.Outdated {
						got += string(o.State)
					}
				}
				if got != tt.want {
					t.Errorf("%q: %q", base, got)
				}
			}
		})
	}
}

// TestMetrics: what is written is what Prometheus reads, whatever names processes have.
func TestMetrics(t *testing.T) {
	evil := "a\"b\\c\nd\x1b[31m\xff{}"
	s := &survey{
		Patches: []infoRow{{Target: evil, BuildID: "00", ID: "0001"}},
		Processes: []hostRow{
			{Objects: []objectRow{
				{Target: evil, BuildID: "00", ID: "0001", State: vulnerable, Obstacle: &ui.Failure{Code: "traced"}, CVEs: []string{"CVE-2026-1234"}},
				{Target: "lib", BuildID: "01", ID: "0001", State: patched},
			}},
			{Objects: []objectRow{{Target: "lib", BuildID: "01", ID: "0001", State: patched}}, Outdated: []outdatedRow{{Target: "lib", State: "replaced"}}},
		},
		Failed: []failedRow{{PID: 7, Error: &ui.Failure{Code: "unresponsive"}}},
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(metricsOf(s, true, time.Unix(1, 0))))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			key := name
			for _, l := range m.Label {
				key += " " + l.GetValue()
			}
			got[key] = m.Gauge.GetValue()
		}
	}
	shown := `a"b\c\x0ad\x1b[31m\xff{}`
	want := map[string]float64{
		"gocare_processes": 0, "gocare_left_out_processes": 0, "gocare_info_timestamp_seconds": 1, "gocare_failed_processes unresponsive": 1,
		"gocare_patch_applied_processes " + shown + " 00 0001": 1, "gocare_vulnerable_processes " + shown + " 00 0001": 1,
		"gocare_patched_processes " + shown + " 00 0001": 0, "gocare_obstructed_processes " + shown + " 00 0001 traced": 1,
		"gocare_patch_cve_info " + shown + " 00 0001 CVE-2026-1234": 1, "gocare_vulnerable_processes lib 01 0001": 0,
		"gocare_patched_processes lib 01 0001": 2, "gocare_outdated_processes lib replaced": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMetricsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gocare.prom")
	carectl(t, "info", "-p", strconv.Itoa(os.Getpid()), "--prometheus", path).want(t, 0, "")
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "\ngocare_processes 1\n") {
		t.Errorf("%s, %v", data, err)
	}
	if r := carectl(t, "info", "-p", strconv.Itoa(os.Getpid()), "--prometheus", "/nowhere/x.prom"); r.exit != 1 || !strings.Contains(r.errs, "cannot write the numbers") {
		t.Errorf("exit %d, %s", r.exit, r.errs)
	}
}

// TestWorkerEndsAmongMany: where a worker ends in the middle, another goes on, and none of the processes is left out.
func TestWorkerEndsAmongMany(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch)
	c := &command{request: request{name: "info", all: true}, ctx: context.Background(), ui: newUI(io.Discard, io.Discard, false, false)}
	c.workers = c.supervisor()
	w, err := c.workers.ready()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { c.workers.close() }()
	if err := w.process.Kill(); err != nil {
		t.Fatal(err)
	}
	answers := map[int]int{}
	c.askAll([]int{os.Getpid(), g.PID, os.Getpid(), g.PID}, func(pid int, a answer, err error) {
		if err != nil {
			t.Error(err)
		}
		if a.Host != nil {
			answers[pid]++
		}
	})
	if answers[g.PID] != 2 {
		t.Errorf("%v", answers)
	}
}

// TestMetricsInterrupted: numbers of a part of the processes do not replace those of all.
func TestMetricsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gocare.prom")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	exit := run(ctx, []string{"info", "--prometheus", path}, io.Discard, io.Discard)
	if text, err := os.ReadFile(path); err != nil || exit != 1 || string(text) != "before" {
		t.Errorf("exit %d, %v, file has %q", exit, err, text)
	}
}

// TestInfoOfOtherMachines: a patch that is for no process of this machine is left out, unless there is no other.
func TestInfoOfOtherMachines(t *testing.T) {
	g := start(t)
	other := filepath.Join(t.TempDir(), "other.kpatch")
	data, err := os.ReadFile(g.patch)
	if err != nil {
		t.Fatal(err)
	}
	const machineAt = kpatch.HeaderSize + 18 // e_machine
	binary.LittleEndian.PutUint16(data[machineAt:], uint16(elf.EM_RISCV))
	digest := data[len(data)-sha256.Size:] // of the file with zeros in its place
	clear(digest)
	sum := sha256.Sum256(data)
	copy(digest, sum[:])
	testkit.WriteFile(t, other, string(data))
	if s := surveyed(t, 3, "-p", g.pid, other, g.patch); s.state(g.PID) != vulnerable {
		t.Errorf("beside one of ours: %+v", s)
	}
	if r := carectl(t, "info", "-p", g.pid, other, g.patch); !strings.Contains(r.errs, "note: "+other+": made for machine EM_RISCV, which is not supported: left out\n") {
		t.Errorf("%s", r.errs)
	}
	if r := carectl(t, "info", "--json", "-p", g.pid, other); r.exit != 1 || code(r.out) != "format-machine" {
		t.Errorf("alone: exit %d, %s", r.exit, r.out)
	}
}
