// Command vm runs tests of aarch64 in virtual machines (qemu-system-aarch64) and prints how many passed: programs that are cross-built here and
// patched there while they run (live), and the tests of packages, on a processor without and on one with pointer authentication.
//
//	go run ./internal/test/vm [-all] [-part live|tests|JOB] [-run PATTERN] [PACKAGE…]
//	go run ./internal/test/vm -cells FOLDER
//	go run ./internal/test/vm -share FOLDER
//
// The first form runs what plan.go lists, two machines at a time; with packages their tests alone, on each processor. The second plays cells that
// somebody else has made. The third runs the commands in FOLDER/commands, which see FOLDER as /host.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// options are what is asked for.
type options struct {
	all            bool
	part           string // "live", "tests", the name of a job, "" for all
	pattern, skip  string // of the names of tests
	packages       []string
	cells, share   string // folders
	cpu            string
	verbose        bool
	machinesAtOnce int
}

func main() {
	var o options
	flag.BoolVar(&o.all, "all", false, "every test on each processor, and every construct at every level and shape, instead of the most telling")
	flag.StringVar(&o.part, "part", "", "live: only programs that are patched; tests: only the tests of packages; else only the job of this name")
	flag.StringVar(&o.pattern, "run", "", "run the tests that match, as go test does")
	flag.StringVar(&o.skip, "skip", "", "do not run the tests that match")
	flag.BoolVar(&o.verbose, "v", false, "print the consoles")
	flag.StringVar(&o.cells, "cells", "", "play the cells in this folder, and run nothing else")
	flag.StringVar(&o.share, "share", "", "run the commands of this folder, and nothing else")
	flag.StringVar(&o.cpu, "cpu", "", "model of the processor without pointer authentication, as qemu names it")
	flag.IntVar(&o.machinesAtOnce, "at-once", 2, "how many machines run side by side")
	flag.Parse()
	o.packages = flag.Args()
	began := time.Now()
	c, err := run(&o)
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
