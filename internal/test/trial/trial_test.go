package trial

import (
	"strings"
	"testing"
	"time"

	"gocare/internal/test/testkit"
)

func TestRun(t *testing.T) {
	testkit.Require(t, "sh", "yes", "sleep")
	for _, tt := range []struct {
		name, script string
		limit        time.Duration
		status       int
		out, err     string
	}{
		{"ends", "echo out; echo err >&2; exit 3", time.Minute, 3, "out\n", "err\n"},
		{"in its directory, with its environment", "pwd; echo $OURS", time.Minute, 0, "/\nyes\n", ""},
		{"takes too long", "exec sleep 600", 50 * time.Millisecond, -1, "", "killed"},
		{"prints too much", "exec yes", time.Minute, -1, "y\n", "broken pipe"},
	} {
		r := Command{Dir: "/", Env: []string{"OURS=yes"}, Limit: tt.limit, Args: []string{"sh", "-c", tt.script}}.Run(t.Context())
		if r.Status != tt.status || !strings.HasPrefix(r.Out, tt.out) || !strings.Contains(r.Err, tt.err) {
			t.Errorf("%s: status %d, %.20q, %q", tt.name, r.Status, r.Out, r.Err)
		}
	}
}

// A library for another machine has a program around it that is for that, too.
func TestCompileCross(t *testing.T) {
	p := &Programs{tail: "/tail.o", guest: &Guest{}}
	got := (&Trial{Programs: p, Config: Config{Compiler: "clang", Level: "O2", Shape: Library}, Files: []string{"a.c"}}).Compile("carecc")
	if n := strings.Count(got, "carecc --target=aarch64-linux-gnu "); n != 2 {
		t.Errorf("%d of 2 compiles are for the machine: %s", n, got)
	}
}

func TestCompile(t *testing.T) {
	p := &Programs{tail: "/tail.o"}
	for shape, want := range map[string]string{
		PIE:     "carecc -w -O2 -g -o prog a.c b.c /tail.o -lm",
		NoPIE:   "carecc -w -O2 -g -fno-pie -no-pie -o prog a.c b.c /tail.o -lm",
		Library: "carecc -w -O2 -g -fPIC -shared -Dmain=trial_main -o libprog.so a.c b.c /tail.o -lm && ",
	} {
		c := Config{Compiler: "gcc", Level: "O2", Shape: shape}
		if got := (&Trial{Programs: p, Config: c, Flags: []string{"-g"}, Files: []string{"a.c", "b.c"}}).Compile("carecc"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", shape, got)
		}
	}
}
