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

// longest bounds a run of the machine.
const longest = 40 * time.Minute

// result is a line of a test's end. A subtest counts by itself.
var result = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// now is a line before what a test prints.
var now = regexp.MustCompile(`^=== (?:RUN|NAME|CONT)\s+(\S+)`)

// counts is how many tests ended in which way.
type counts struct{ passed, failed, skipped int }

// boot runs the machine and counts the tests that its console tells of.
func (m *machine) boot(initramfs string) (c counts, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-aarch64", "-M", "virt", "-cpu", m.cpu, "-smp", "2", "-m", "2048", "-nic", "none",
		"-nographic", "-no-reboot", "-kernel", filepath.Join(files(), "vmlinuz"), "-initrd", initramfs,
		"-append", "console=ttyAMA0 loglevel=7 print-fatal-signals=1 panic=-1 rdinit=/init",
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
	if err := cmd.Wait(); err != nil {
		return c, fmt.Errorf("qemu: %w", err)
	}
	if !done {
		c.failed++
		fmt.Println("the machine ended before the tests had")
	}
	return c, nil
}

// count reads the console up to its end. It prints what belongs to tests that fail, and why others were left out.
func (m *machine) count(console io.Reader) (c counts, done bool) {
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	running, said := "", map[string]string{} // the test that prints, and the last that each printed
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		found := result.FindStringSubmatch(line)
		switch {
		case found != nil && found[1] == "PASS":
			c.passed++
		case found != nil && found[1] == "SKIP":
			c.skipped++
			fmt.Printf("skipped: %s: %s\n", found[2], said[found[2]])
		case found != nil:
			c.failed++
		case line == "guest: done":
			done = true
		case strings.HasPrefix(line, "guest: failed"):
			c.failed++
		}
		if name := now.FindStringSubmatch(line); name != nil {
			running = name[1]
		} else if found == nil {
			said[running] = strings.TrimSpace(line)
		}
		if m.verbose || found != nil && found[1] == "FAIL" || strings.HasPrefix(line, "guest: ") {
			fmt.Println(line)
		}
	}
	return c, done
}
