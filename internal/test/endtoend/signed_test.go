package endtoend

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// onMachine runs a command where /etc has nothing but what a policy and the keys of trust.d make of it.
const onMachine = `
	mount -t tmpfs tmpfs /etc && mkdir -p /etc/gocare/trust.d && cp "$1" /etc/gocare/policy && cp "$2" /etc/gocare/trust.d || exit 99
	shift 2
	exec "$@"`

// TestMachinePolicy: the policy in /etc/gocare holds for the programs as they are installed, for every user, whatever flags and
// environment say.
func TestMachinePolicy(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace", "root", "unshare", "setpriv")
	source := `
		#include <stdio.h>
		__attribute__((noinline)) int value(int x) { return x * 3 + 1; }
		int main(void) {
			char line[64];
			setvbuf(stdout, 0, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof line, stdin)) printf("value %d\n", value(13));
			return 0;
		}`
	program := testkit.CCText(t, source, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x * 5 + 1; }"})
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // another user looks there
		t.Fatal(err)
	}
	mustRun(t, 0, dir, nil, "patchmake", "keygen", "--no-password", "key")
	testkit.WriteFile(t, filepath.Join(dir, "policy"), "require-signature yes\n")
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	pid := strconv.Itoa(p.PID)
	machine := func(want int, env []string, command ...string) result {
		t.Helper()
		args := append([]string{"-m", "sh", "-c", onMachine, "sh", "policy", "key.pub"}, command...)
		return mustRun(t, want, dir, env, "unshare", args...)
	}
	for _, tt := range []struct {
		name    string
		env     []string
		command []string
	}{
		{"as it is", nil, []string{"carectl", "patch", "-p", pid, patch}},
		{"flag", nil, []string{"carectl", "patch", "-p", pid, "--require-signature=false", patch}},
		{"environment", []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "CARECTL_TEST_SITE=" + dir, "CARECTL_CHILD=1"}, []string{"carectl", "patch", "-p", pid, patch}},
		{"another user", nil, []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "carectl", "run", patch, "--", program}},
		{"started", nil, []string{"carectl", "run", patch, "--", program}},
		{"all processes", nil, []string{"carectl", "patch", "-p", "all", filepath.Dir(patch)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := machine(1, tt.env, tt.command...); !strings.Contains(r.Stderr, "has no signature beside it") {
				t.Errorf("%v", r)
			}
		})
	}
	p.Send("")
	if got := p.Next(); got != "value 40" {
		t.Errorf("after refusals: %q", got)
	}
	mustRun(t, 0, dir, nil, "patchmake", "sign", "--key", "key.key", patch)
	assertContains(t, machine(0, nil, "carectl", "verify", filepath.Dir(patch)).Stdout, "signed with key ")
	machine(0, nil, "carectl", "patch", "-p", pid, patch)
	p.Send("")
	if got := p.Next(); got != "value 66" {
		t.Errorf("signed: %q", got)
	}
}
