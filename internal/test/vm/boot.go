package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// silence is how long a machine may print nothing before it is given up.
const silence = 5 * time.Minute

// result is a line of a test's end. A subtest counts by itself.
var result = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// now is a line before what a test prints.
var now = regexp.MustCompile(`^=== (?:RUN|NAME|CONT)\s+(\S+)`)

// counts is how many tests ended in which way.
type counts struct{ passed, failed, skipped int }

// boot runs the machine, whose commands are in a folder below the share, and counts the tests that its console tells of. It gives the machine up
// when nothing is printed for a time.
func (m *machine) boot(job string, silence time.Duration) (c counts, err error) {
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	m.silence, m.printed = silence, time.AfterFunc(silence, giveUp)
	cmd := exec.CommandContext(ctx, "qemu-system-aarch64", "-M", "virt", "-cpu", m.cpu, "-smp", "2", "-m", "2048", "-nic", "none",
		"-nographic", "-no-reboot", "-kernel", filepath.Join(files(), "vmlinuz"), "-initrd", m.initramfs,
		"-append", "console=ttyAMA0 loglevel=7 print-fatal-signals=1 panic=-1 rdinit=/init JOB="+job,
		"-fsdev", "local,id=host,path="+m.folder+",security_model=none", "-device", "virtio-9p-device,fsdev=host,mount_tag=host")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	console, err := cmd.StdoutPipe()
	if err != nil {
		return counts{}, err
	}
	if err := cmd.Start(); err != nil {
		return counts{}, err
	}
	c, done := m.count(console)
	if err := cmd.Wait(); err != nil && ctx.Err() != nil {
		return c, fmt.Errorf("nothing was printed for %s", silence)
	} else if err != nil {
		return c, fmt.Errorf("qemu: %w", err)
	}
	if !done {
		c.failed++
		m.say("the machine ended before the tests had")
	}
	return c, nil
}

// count reads the console up to its end. It prints what belongs to tests that fail, and why others were left out.
func (m *machine) count(console io.Reader) (c counts, done bool) {
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	running, said := "", map[string][]string{} // the test that prints, and the last that each printed
	for lines.Scan() {
		m.printed.Reset(m.silence)
		line := strings.TrimRight(lines.Text(), "\r")
		found := result.FindStringSubmatch(line)
		if found != nil {
			m.tell(&c, found[1], found[2], said[found[2]])
			delete(said, found[2])
		}
		switch {
		case line == "guest: done":
			done = true
		case strings.HasPrefix(line, "guest: failed"):
			m.tell(&c, "FAIL", "the command", said[running]) // a panic comes behind the end of its test
		}
		if name := now.FindStringSubmatch(line); name != nil {
			running = name[1]
		} else if found == nil {
			said[running] = lastOf(append(said[running], strings.TrimSpace(line)))
		}
		if m.options.verbose || strings.HasPrefix(line, "guest: ") {
			m.say("%s", line)
		}
	}
	return c, done
}

// lastOf returns the end of what a test printed.
func lastOf(lines []string) []string { return lines[max(0, len(lines)-40):] }

// tell counts a test that has ended, and prints what it said unless it passed.
func (m *machine) tell(c *counts, result, name string, said []string) {
	switch result {
	case "PASS":
		c.passed++
	case "SKIP":
		c.skipped++
		m.say("skipped: %s: %s", name, strings.Join(said[max(0, len(said)-1):], ""))
	case "FAIL":
		c.failed++
		m.say("FAILED: %s\n\t%s", name, strings.Join(said, "\n\t"))
	}
}

func (c *counts) add(other counts) {
	c.passed, c.failed, c.skipped = c.passed+other.passed, c.failed+other.failed, c.skipped+other.skipped
}
