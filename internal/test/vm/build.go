package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// share is where the guest has the host's folder.
const share = "/host"

// files returns the folder of the kernel's and other programs' files, which scripts/vm-files has filled.
func files() string { return os.Getenv("GOCARE_VM") }

// command runs a program of the host's.
func command(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// buildShared makes what all machines have.
func buildShared(dir string, machines []*machine) (*shared, error) {
	s := &shared{folder: filepath.Join(dir, "share"), initramfs: filepath.Join(dir, "initramfs")}
	if err := os.MkdirAll(filepath.Join(s.folder, "src"), 0o755); err != nil {
		return nil, err
	}
	built := map[string]bool{}
	for _, m := range machines {
		for _, p := range m.packages {
			if !built[p] {
				built[p] = true
				if err := s.buildTests(p); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, name := range []string{"go.mod", "testdata", "doc"} {
		if err := command("", nil, "cp", "-r", name, filepath.Join(s.folder, "src")); err != nil {
			return nil, err
		}
	}
	if err := buildGuest("build", "-o", filepath.Join(s.folder, "carectl"), "./cmd/carectl"); err != nil {
		return nil, err
	}
	return s, buildInitramfs(s.initramfs)
}

// buildGuest has go build something for the guest.
func buildGuest(args ...string) error {
	return command("", []string{"GOARCH=arm64", "CGO_ENABLED=0"}, "go", args...)
}

// testName returns the file of the tests of a package.
func testName(p string) string { return strings.ReplaceAll(strings.Trim(p, "./"), "/", "_") + ".test" }

// buildTests puts the tests of a package into the share, and files that they read into the folder where they run.
func (s *shared) buildTests(p string) error {
	if err := buildGuest("test", "-c", "-o", filepath.Join(s.folder, testName(p)), p); err != nil {
		return err
	}
	folder := filepath.Join(s.folder, "src", p)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(p, "testdata")); err != nil {
		return nil // it has none
	}
	return command("", nil, "cp", "-r", filepath.Join(p, "testdata"), folder)
}

// tests returns the commands that run the tests of a machine's packages.
func (m *machine) tests() string {
	var commands strings.Builder
	for _, p := range m.packages {
		fmt.Fprintf(&commands, "cd %s/src/%s && %s/%s -test.v -test.timeout 0 -test.run '%s' -test.skip '%s' %s\n",
			share, p, share, testName(p), cmp.Or(m.options.pattern, m.pattern), m.options.skip, m.flags)
	}
	return commands.String()
}

// takeCells puts cells into the machine's folder: those that are there already, or else of the constructs, which it makes. It counts those that
// could not be made, and with all constructs what is refused for aarch64.
func (m *machine) takeCells() (c counts, err error) {
	if m.cells != "" {
		return counts{}, command("", nil, "cp", "-r", m.cells, m.at("cells"))
	}
	tests := "^TestCells$"
	switch {
	case os.Getenv("CONSTRUCTS") != "":
	case m.cflags == "":
		tests = "^Test(Cells|CellsCXX|RefusalsAArch64)$" // the last once
	default:
		tests = "^Test(Cells|CellsCXX)$"
	}
	cmd := exec.Command("go", "test", "-count=1", "-v", "-timeout", "0", "-run", tests, "./internal/test/endtoend")
	cmd.Env = append(os.Environ(), m.constructs(m.at("cells"))...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return counts{}, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return counts{}, err
	}
	m.silence, m.printed = silence, time.AfterFunc(silence, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer m.printed.Stop()
	c, _ = m.count(out)
	if err := cmd.Wait(); err != nil && c.failed == 0 {
		return c, fmt.Errorf("making cells: %w", err)
	}
	return c, nil
}

// applets are the programs that the guest has of busybox.
const applets = "sh cat sleep true false echo ls kill head tail env mkdir rm rmdir cp mv ln dd yes sed grep chmod mount test touch printf seq " +
	"awk basename cmp cut date diff dirname expr find gzip ifconfig mkfifo mktemp od ps pwd readlink sha256sum sort timeout tr uniq wc xargs"

// buildInitramfs makes the guest's root: its first program, a shell, the C library and the kernel's modules.
func buildInitramfs(path string) error {
	root := path + ".d"
	for _, dir := range []string{"bin", "lib", "modules", "tools", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := buildGuest("build", "-o", filepath.Join(root, "init"), "./internal/test/vm/guest"); err != nil {
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
	fmt.Fprintf(&script, "cp %s/modules/*.ko %s/modules/\n", files(), root)
	fmt.Fprintf(&script, "cp -L /usr/aarch64-linux-gnu/lib/*.so.* %s/lib/\n", root)
	fmt.Fprintf(&script, "cd %s && find . | cpio -o -H newc 2>/dev/null | gzip -1 > %s\n", root, path)
	return command("", nil, "bash", "-c", script.String())
}
