package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// shared is what all machines of a run have: one folder of the host's, which each sees as share, and their root.
//
//	NAME.test        the tests of a package
//	src              files that tests read
//	carectl
//	jobs/J/commands  what the machine J runs
//	jobs/J/requests  of its for the host's tools
//	jobs/J/cells
type shared struct{ folder, initramfs string }

// machine is a virtual machine and what is to run in it.
type machine struct {
	*shared
	profile
	job
	options *options
	silence time.Duration // how long nothing may be printed
	printed *time.Timer   // since something was printed
	cells   string        // folder of cells that are there already, "" for none
}

// name is how a machine is called in what is printed, and its folder.
func (m *machine) name() string { return strings.TrimSuffix(m.profile.name+"-"+m.job.name, "-") }

// at returns a path in the folder of the machine.
func (m *machine) at(name string) string { return filepath.Join(m.folder, "jobs", m.name(), name) }

// run runs the machines that are asked for, some at a time, and counts all tests.
func run(o *options) (sum counts, err error) {
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return counts{}, err
	}
	defer os.RemoveAll(dir)
	if o.share != "" {
		return o.runShared(filepath.Join(dir, "initramfs"))
	}
	machines := o.plan()
	s, err := buildShared(dir, machines)
	if err != nil {
		return counts{}, err
	}
	var group errgroup.Group
	var mutex sync.Mutex
	group.SetLimit(o.machinesAtOnce)
	for _, m := range machines {
		m.shared = s
		group.Go(func() error {
			c, err := m.run()
			mutex.Lock()
			defer mutex.Unlock()
			sum.add(c)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name(), err)
			}
			return nil
		})
	}
	return sum, group.Wait()
}

// runShared runs the commands of a folder and prints what they print, with no bound of ours: whoever made the folder has one.
func (o *options) runShared(initramfs string) (counts, error) {
	if err := buildInitramfs(initramfs); err != nil {
		return counts{}, err
	}
	m := &machine{shared: &shared{folder: o.share, initramfs: initramfs}, profile: profiles[0], options: o}
	c, err := m.boot(".", math.MaxInt64)
	c.passed++ // the commands
	return c, err
}

// run makes what a machine needs beside what all have, and runs it.
func (m *machine) run() (c counts, err error) {
	if err := os.MkdirAll(m.at("requests"), 0o777); err != nil {
		return counts{}, err
	}
	commands := m.tests()
	if m.live || m.cells != "" {
		made, err := m.takeCells()
		if err != nil {
			return counts{}, err
		}
		c.add(made)
		commands += fmt.Sprintf("play %s/carectl %s/jobs/%s/cells\n", share, share, m.name())
	}
	if err := os.WriteFile(m.at("commands"), []byte(commands), 0o644); err != nil {
		return counts{}, err
	}
	stop := serve(m.at("requests"), m.cflags)
	defer stop()
	ran, err := m.boot(filepath.Join("jobs", m.name()), silence)
	c.add(ran)
	m.say("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
	return c, err
}

// printing keeps lines of machines apart.
var printing sync.Mutex

// say prints a line about a machine.
func (m *machine) say(format string, args ...any) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("%s: %s\n", m.name(), fmt.Sprintf(format, args...))
}
