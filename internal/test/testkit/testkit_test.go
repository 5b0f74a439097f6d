package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestProcTalks(t *testing.T) {
	Require(t, "cat")
	p := Start(t, "cat")
	p.Send("one")
	p.Send("two")
	p.Send("three")
	if got := p.WaitLine("tw"); got != "two" {
		t.Errorf("WaitLine: got %q, want %q", got, "two")
	}
	if got := p.Next(); got != "three" {
		t.Errorf("Next: got %q, want %q", got, "three")
	}
	p.CloseInput()
	if got := p.Wait(); got != 0 {
		t.Errorf("Wait: got %d, want 0", got)
	}
}

func TestProcWaitKeepsLastLines(t *testing.T) {
	Require(t, "sh")
	p := Start(t, "sh", "-c", "echo last; kill -TERM $$")
	if got := p.Wait(); got != -int(syscall.SIGTERM) {
		t.Errorf("Wait: got %d, want %d", got, -int(syscall.SIGTERM))
	}
	if got := p.Next(); got != "last" {
		t.Errorf("Next after Wait: got %q, want %q", got, "last")
	}
}

func TestUntouchedSeesStop(t *testing.T) {
	Require(t, "sh")
	p := Start(t, "sh", "-c", "echo up; kill -STOP $$; echo on")
	p.AllowStopped()
	p.WaitLine("up")
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(p.PID, &ws, syscall.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	if err := untouched(p.PID, false); err == nil {
		t.Error("a stopped process passes")
	}
	if err := untouched(p.PID, true); err != nil {
		t.Errorf("an allowed stop: %v", err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.WaitLine("on")
}

func TestRequireFailsWhenAllIsRequired(t *testing.T) {
	if os.Getenv("TESTKIT_CHILD") == "1" {
		Require(t, "no-such-tool-here")
		return
	}
	for _, tt := range []struct {
		name, require string
		fails         bool
	}{
		{"skips", "", false},
		{"fails", "all", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRequireFailsWhenAllIsRequired$")
			cmd.Env = append(os.Environ(), "TESTKIT_CHILD=1", "CARE_REQUIRE="+tt.require)
			out, err := cmd.CombinedOutput()
			if (err != nil) != tt.fails {
				t.Errorf("CARE_REQUIRE=%q: %v\n%s", tt.require, err, out)
			}
		})
	}
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "golden")
	Golden(t, path, []byte("text\n"), true)
	Golden(t, path, []byte("text\n"), false)
}
