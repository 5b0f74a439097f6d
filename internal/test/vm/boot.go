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
	"time"
)

// longest bounds a run of the machine.
const longest = 40 * time.Minute

// result is a line of a test's end. A subtest counts by itself.
var result = regexp.MustCompile(`^\s*--- (PASS|FAIL): (\S+)`)

// boot runs the machine and counts the tests that its console tells of.
func (m *machine) boot(initramfs string) (passed, failed int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-aarch64", "-M", "virt", "-cpu", m.cpu, "-smp", "2", "-m", "2048", "-nic", "none",
		"-nographic", "-no-reboot", "-kernel", filepath.Join(files(), "vmlinuz"), "-initrd", initramfs,
		"-append", "console=ttyAMA0 loglevel=7 print-fatal-signals=1 panic=-1 rdinit=/init",
		"-fsdev", "local,id=host,path="+m.folder+",security_model=none", "-device", "virtio-9p-device,fsdev=host,mount_tag=host")
	console, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	passed, failed, done := m.count(console)
	if err := cmd.Wait(); err != nil {
		return passed, failed, fmt.Errorf("qemu: %w", err)
	}
	if !done {
		failed++
		fmt.Println("the machine ended before the tests had")
	}
	return passed, failed, nil
}

// count reads the console up to its end. It prints what belongs to tests that fail.
func (m *machine) count(console io.Reader) (passed, failed int, done bool) {
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		found := result.FindStringSubmatch(line)
		switch {
		case found != nil && found[1] == "PASS":
			passed++
		case found != nil:
			failed++
		case line == "guest: done":
			done = true
		case strings.HasPrefix(line, "guest: failed"):
			failed++
		}
		if m.verbose || found != nil && found[1] == "FAIL" || strings.HasPrefix(line, "guest: ") {
			fmt.Println(line)
		}
	}
	return passed, failed, done
}
