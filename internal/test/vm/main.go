// Command vm runs tests of aarch64 in a virtual machine (qemu-system-aarch64) and prints how many passed: those of the packages that
// are named, or else of the engine.
//
//	go run ./internal/test/vm [-cpu MODEL] [-run PATTERN] [PACKAGE…]
//
// With -share DIR it runs the commands in the file DIR/commands instead, which see the folder as /host.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// packages are those whose tests run when none is named.
var packages = []string{
	"./internal/arch", "./kpatch", "./engine/link", "./engine/unwind", "./engine/inspect", "./engine/trace", "./engine", "./cmd/carectl",
}

func main() {
	var m machine
	flag.StringVar(&m.cpu, "cpu", "cortex-a57", "model of the processor, as qemu names it")
	flag.StringVar(&m.pattern, "run", "", "run the tests that match, as go test does")
	flag.StringVar(&m.skip, "skip", "", "do not run the tests that match")
	flag.BoolVar(&m.verbose, "v", false, "print the console")
	flag.StringVar(&m.cells, "cells", "", "patch the programs of the cells in this folder, live, and run the tests of no package that is not named")
	flag.StringVar(&m.flags, "cflags", "", "further options of the compiler")
	shared := flag.String("share", "", "run the commands of this folder, and no tests")
	flag.Parse()
	if *shared != "" {
		if err := m.runShared(*shared); err != nil {
			fmt.Fprintln(os.Stderr, "vm:", err)
			os.Exit(1)
		}
		return
	}
	list := flag.Args()
	if len(list) == 0 && m.cells == "" {
		list = packages
	}
	began := time.Now()
	c, err := m.test(list)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
	fmt.Printf("%d skipped; took %s\n", c.skipped, time.Since(began).Round(time.Second))
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 || c.passed == 0 {
		os.Exit(1)
	}
}

// runShared runs the commands of a folder, and prints what they print.
func (m *machine) runShared(folder string) error {
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m.folder, m.verbose = folder, true
	initramfs := filepath.Join(dir, "initramfs")
	if err := m.buildInitramfs(initramfs); err != nil {
		return err
	}
	c, err := m.boot(initramfs)
	if err == nil && c.failed > 0 {
		err = fmt.Errorf("%d commands failed", c.failed)
	}
	return err
}

// test builds the tests of packages, runs them in the machine and counts.
func (m *machine) test(list []string) (c counts, err error) {
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return counts{}, err
	}
	defer os.RemoveAll(dir)
	m.folder = filepath.Join(dir, "share")
	if err := m.buildTests(list); err != nil {
		return counts{}, err
	}
	if err := m.takeCells(); err != nil {
		return counts{}, err
	}
	initramfs := filepath.Join(dir, "initramfs")
	if err := m.buildInitramfs(initramfs); err != nil {
		return counts{}, err
	}
	stop := serve(filepath.Join(m.folder, "requests"), m.flags)
	defer stop()
	return m.boot(initramfs)
}
