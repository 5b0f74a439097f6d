//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// share is where the host's folder is: tests and the rest of what the host wants run, and requests for its tools.
const share = "/host"

// modules are those of the kernel that the share needs. They are tried until all are in, as each may need others.
const modules = "/modules/*.ko"

// boot makes a small system and runs what the host has put into the share, one after the other.
func boot() error {
	for _, m := range []struct{ source, target, kind string }{
		{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"devtmpfs", "/dev", "devtmpfs"}, {"tmpfs", "/tmp", "tmpfs"},
	} {
		if err := mount(m.source, m.target, m.kind, ""); err != nil {
			return err
		}
	}
	if err := insertModules(); err != nil {
		return err
	}
	if err := mount("host", share, "9p", "trans=virtio,version=9p2000.L,msize=262144"); err != nil {
		return err
	}
	for _, name := range []string{"/dev/shm", "/run", "/dev/pts"} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			return err
		}
	}
	if err := mount("devpts", "/dev/pts", "devpts", ""); err != nil {
		return err
	}
	return runAll()
}

func mount(source, target, kind, options string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, target, kind, 0, options); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

func insertModules() error {
	left, err := filepath.Glob(modules)
	for before := len(left) + 1; err == nil && len(left) > 0 && len(left) < before; {
		before = len(left)
		var refused []string
		for _, path := range left {
			if insert(path) != nil {
				refused = append(refused, path)
			}
		}
		left = refused
	}
	if len(left) > 0 {
		return fmt.Errorf("modules %q cannot be inserted", left)
	}
	return err
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// job is the folder of what this machine is to do: the kernel hands its place in the share on from its command line.
func job() string { return filepath.Join(share, os.Getenv("JOB")) }

// runAll runs the lines of the job's file "commands" by the shell. What a command prints goes to the console; the end of each is told on a
// line of its own.
func runAll() error {
	text, err := os.ReadFile(filepath.Join(job(), "commands"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		cmd := exec.Command("/bin/sh", "-c", strings.TrimSpace(line))
		cmd.Env = append(os.Environ(), "PATH=/tools:/bin", "HOME=/tmp", "TMPDIR=/tmp", "CARE_EMULATED=yes")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
		fmt.Printf("guest: run %s\n", strings.TrimSpace(line))
		if err := cmd.Run(); err != nil {
			fmt.Printf("guest: failed: %v\n", err)
		}
	}
	fmt.Println("guest: done")
	return nil
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // else the kernel panics, which ends the machine too
}
