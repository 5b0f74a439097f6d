package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gocare/internal/test/testkit"
)

// On a terminal a build that goes on shows its stage, the units done of those that are known, and the time; it ends with an interrupt there.
func TestProgress(t *testing.T) {
	testkit.Require(t, "gcc", "make", "go", "setsid", "userns")
	b := newStuckBuild(t, buildPrograms(t), "auto", nil)
	if out, err := b.run().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	terminal, end := openTerminal(t)
	run := b.run
	b.run = func() *exec.Cmd {
		cmd := run()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = end, end, end
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		return cmd
	}
	b.startStuck("patched")
	end.Close()
	stuck := time.AfterFunc(time.Minute, func() { b.cmd.Process.Kill() }) // ends what is read
	defer stuck.Stop()
	awaitText(t, terminal, `\x1b\[2m the patched build, 1 of 1 units, 0:0\d\x1b\[0m`)
	if _, err := terminal.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	awaitText(t, terminal, `interrupted during the patched build`)
	if err := b.cmd.Wait(); err == nil {
		t.Error("an interrupted run ended with status 0")
	}
	b.ends()
}

// openTerminal returns a new terminal: what a person has of it, and what a program has.
func openTerminal(t *testing.T) (terminal, end *os.File) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	end, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return terminal, end
}

// awaitText reads from a terminal until it shows what matches.
func awaitText(t *testing.T, terminal *os.File, want string) {
	t.Helper()
	match := regexp.MustCompile(want)
	var shown []byte
	for buf := make([]byte, 4096); !match.Match(shown); {
		n, err := terminal.Read(buf)
		if shown = append(shown, buf[:n]...); err != nil && !match.Match(shown) {
			t.Fatalf("no %s before %v:\n%s", want, err, shown)
		}
	}
}
