package inspect

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

const nobody = 65534

// TestReadUnprivileged runs TestReadAsChild as a user without privileges, on a process of the same user and on one of
// root's.
func TestReadUnprivileged(t *testing.T) {
	testkit.Require(t, "root", "ptrace", "cat")
	if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && strings.TrimSpace(string(scope)) != "0" {
		t.Skip("kernel.yama.ptrace_scope keeps users from their own processes")
	}
	credential := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for _, tt := range []struct {
		name string
		attr *syscall.SysProcAttr
		want string
	}{
		{"own process", credential, "read by path"},
		{"another user's process", nil, "permission"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := exec.Command("cat")
			target.SysProcAttr = tt.attr
			live := testkit.StartCmd(t, target)
			live.Send("up")
			live.WaitLine("up")
			child := exec.Command("/proc/self/exe", "-test.run=^TestReadAsChild$", "-test.v")
			child.Env = append(os.Environ(), "INSPECT_PID="+strconv.Itoa(live.PID))
			child.SysProcAttr = credential
			child.Dir = "/"
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "result: "+tt.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestReadAsChild(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv("INSPECT_PID"))
	if err != nil {
		t.Skip("runs as a child of TestReadUnprivileged")
	}
	p, err := Read(pid)
	if e := fault.As(err); e != nil {
		if e.Hint == "" {
			t.Error("no hint")
		}
		t.Logf("result: %s", e.Code)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Main() == nil || len(p.Objects) < 3 && p.Main().dyn.memsz > 0 { // a static program is alone
		t.Fatalf("objects: %+v", p.Objects)
	}
	for _, o := range p.Objects {
		if o.ELF == nil || o.Err != nil || strings.Contains(o.file, "map_files") {
			t.Errorf("%s: through %s: %v", o.Path, o.file, o.Err)
		}
	}
	t.Log("result: read by path")
}
