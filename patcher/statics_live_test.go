package patcher_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gocare/engine"
	"gocare/internal/test/trial"
)

// live runs the program, patches it after the first phase and takes the patch off after the second. It reports whether
// the program came to its end; what it printed is judged for each sample.
func (b *bench) live(program string, patch []byte, samples []*sample) bool {
	if b.guest != nil {
		return b.liveInGuest(program, patch, samples)
	}
	cmd := exec.Command(program)
	cmd.WaitDelay = 10 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	kill := time.AfterFunc(60*time.Second, func() { cmd.Process.Kill() })
	defer func() {
		in.Close()
		kill.Stop()
		cmd.Wait()
	}()
	r := bufio.NewReader(out)
	var phases [3][][]uint32
	for phase := range phases {
		got, ok := readPhase(r, len(samples))
		if !ok {
			return false
		}
		phases[phase] = got
		b.between(phase, cmd.Process.Pid, patch)
		fmt.Fprintln(in)
	}
	judgeAll(samples, phases)
	return true
}

func judgeAll(samples []*sample, phases [3][][]uint32) {
	for i, s := range samples {
		s.judge(phases[0][i], phases[1][i], phases[2][i])
	}
}

// guestScript does what live does: PROGRAM CARECTL [PATCH].
const guestScript = `
coproc P { exec "$0"; }
pid=$P_PID
phase() {
	while read -r line <&${P[0]}; do
		echo "$line"
		[ "$line" != end ] || return 0
	done
	exit 1
}
phase
[ $# = 1 ] || "$1" patch -p $pid "$2" >&2 || exit 3
echo >&${P[1]}
phase
[ $# = 1 ] || "$1" unpatch -p $pid -i 0001 >&2 || exit 3
echo >&${P[1]}
phase
echo >&${P[1]}
wait
`

// liveInGuest does what live does in the guest.
func (b *bench) liveInGuest(program string, patch []byte, samples []*sample) bool {
	args := []string{"/bin/bash", "-c", guestScript, program, trial.GuestCarectl}
	if patch != nil {
		path := filepath.Join(b.dir, "batch.kpatch")
		if err := os.WriteFile(path, patch, 0o644); err != nil {
			b.t.Fatal(err)
		}
		args = append(args, path)
	}
	r := b.guest.Run(b.t.Context(), trial.Command{Dir: b.dir, Limit: 10 * time.Minute, Args: args})
	if r.Status == 3 || strings.Contains(r.Err, "virtual machine") {
		b.t.Fatal(r)
	}
	out := bufio.NewReader(strings.NewReader(r.Out))
	var phases [3][][]uint32
	for phase := range phases {
		got, ok := readPhase(out, len(samples))
		if !ok {
			b.t.Log(r)
			return false
		}
		phases[phase] = got
	}
	judgeAll(samples, phases)
	return true
}

// readPhase reads what one phase printed, by sample.
func readPhase(r *bufio.Reader, samples int) ([][]uint32, bool) {
	got := make([][]uint32, samples)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, false
		}
		if line == "end\n" {
			return got, true
		}
		var n int
		var v uint32
		if _, err := fmt.Sscanf(line, "%d %d", &n, &v); err != nil || n >= samples {
			return nil, false
		}
		got[n] = append(got[n], v)
	}
}

// between applies the patch after the first phase and removes it after the second.
func (b *bench) between(phase, pid int, patch []byte) {
	if patch == nil || phase == 2 {
		return
	}
	o := engine.Options{Wait: 20 * time.Second}
	h, err := engine.Hold(context.Background(), pid, o)
	if err != nil {
		b.t.Fatal(err)
	}
	defer h.Release()
	h.Process.Load()
	if phase == 1 {
		removal, err := engine.NewRemoval(h.Process, "0001", nil)
		if err == nil {
			_, err = h.Revert(context.Background(), removal, o)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return
	}
	path := filepath.Join(b.dir, "batch.kpatch")
	if err := os.WriteFile(path, patch, 0o644); err != nil {
		b.t.Fatal(err)
	}
	f, err := engine.LoadFile(path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	plan, err := h.Plan(context.Background(), engine.Request{Files: []*engine.File{f}})
	if err == nil {
		_, err = h.Apply(context.Background(), plan, o)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// judge compares what a sample printed with what it must print. A refused one runs on as it was.
func (s *sample) judge(before, with, after []uint32) {
	want := s.Predict()
	switch {
	case !sameResults(before, want[0]):
		s.wrong = fmt.Sprintf("before the patch: printed %d, want %d", before, want[0])
	case len(s.codes) > 0 || s.wrong != "":
	case !sameResults(with, want[1]):
		s.wrong = fmt.Sprintf("with the patch: printed %d, want %d", with, want[1])
	case s.Removable() && !sameResults(after, want[2]):
		s.wrong = fmt.Sprintf("after its removal: printed %d, want %d", after, want[2])
	}
}

func sameResults(a, b []uint32) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
