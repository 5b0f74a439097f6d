package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// kernelModules are the modules that the guest needs to see the host's folder.
var kernelModules = []string{
	"kernel/drivers/virtio/virtio_mmio.ko", "kernel/net/9p/9pnet.ko", "kernel/net/9p/9pnet_virtio.ko", "kernel/fs/netfs/netfs.ko",
	"kernel/fs/fscache/fscache.ko", "kernel/fs/9p/9p.ko",
}

// share is where the guest has the host's folder.
const share = "/host"

// machine is a virtual machine and what is to run in it.
type machine struct {
	cpu, pattern, skip, flags string
	cells                     string // folder of cells, "" for none
	verbose                   bool
	folder                    string // the host's folder
}

// files returns the folder of the kernel's and other programs' files, which scripts/vm-files has filled.
func files() string { return os.Getenv("GOCARE_VM") }

func run(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// buildTests puts the tests of packages into the share, each with its folder, as tests read files of theirs.
func (m *machine) buildTests(list []string) error {
	for _, dir := range []string{"requests", "src"} {
		if err := os.MkdirAll(filepath.Join(m.folder, dir), 0o777); err != nil {
			return err
		}
	}
	var commands strings.Builder
	for _, p := range list {
		name := strings.ReplaceAll(strings.Trim(p, "./"), "/", "_") + ".test"
		if err := run("", []string{"GOARCH=arm64", "CGO_ENABLED=0"}, "go", "test", "-c", "-o", filepath.Join(m.folder, name), p); err != nil {
			return err
		}
		folder := filepath.Join(m.folder, "src", p)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(p, "testdata")); err == nil {
			if err := run("", nil, "cp", "-r", filepath.Join(p, "testdata"), folder); err != nil {
				return err
			}
		}
		fmt.Fprintf(&commands, "cd %s/src/%s && %s/%s -test.v -test.timeout 25m -test.run '%s' -test.skip '%s'\n", share, p, share, name, m.pattern, m.skip)
	}
	for _, name := range []string{"go.mod", "testdata", "doc"} {
		if err := run("", nil, "cp", "-r", name, filepath.Join(m.folder, "src")); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(m.folder, "commands"), []byte(commands.String()), 0o644)
}

// takeCells puts the cells and carectl into the share.
func (m *machine) takeCells() error {
	if m.cells == "" {
		return nil
	}
	carectl := filepath.Join(m.folder, "carectl")
	if err := run("", []string{"GOARCH=arm64", "CGO_ENABLED=0"}, "go", "build", "-o", carectl, "./cmd/carectl"); err != nil {
		return err
	}
	if err := run("", nil, "cp", "-r", m.cells, filepath.Join(m.folder, "cells")); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(m.folder, "commands"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "play %s/carectl %s/cells\n", share, share)
	return f.Close()
}

// applets are the programs that the guest has of busybox.
const applets = "sh cat sleep true false echo ls kill head tail env mkdir rm rmdir cp mv ln dd yes sed grep chmod mount test touch printf seq " +
	"awk basename cmp cut date diff dirname expr find gzip ifconfig mktemp od ps pwd readlink sha256sum sort timeout tr uniq wc xargs"

// buildInitramfs makes the guest's root: its first program, a shell, the C library and the kernel's modules.
func (m *machine) buildInitramfs(path string) error {
	root := path + ".d"
	for _, dir := range []string{"bin", "lib", "modules", "tools", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := run("", []string{"GOARCH=arm64", "CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(root, "init"), "./internal/test/vm/guest"); err != nil {
		return err
	}
	for _, tool := range slices.Concat(tools, []string{"play", "jobs"}) {
		if err := os.Symlink("/init", filepath.Join(root, "tools", tool)); err != nil {
			return err
		}
	}
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\ncp %s/bin/busybox %s/bin/bash %s/bin/\n", files(), files(), root)
	for _, applet := range strings.Fields(applets) {
		fmt.Fprintf(&script, "ln -s busybox %s/bin/%s\n", root, applet)
	}
	for _, module := range kernelModules {
		fmt.Fprintf(&script, "cp %s/modules/%s %s/modules/\n", files(), module, root)
	}
	fmt.Fprintf(&script, "cp -L /usr/aarch64-linux-gnu/lib/*.so.* %s/lib/\n", root)
	fmt.Fprintf(&script, "cd %s && find . | cpio -o -H newc 2>/dev/null | gzip -1 > %s\n", root, path)
	return run("", nil, "bash", "-c", script.String())
}
