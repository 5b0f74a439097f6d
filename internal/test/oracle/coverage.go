package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
)

// covered tells of each function, by name and the base name of its source, whether it ran.
type covered map[string]map[string]bool

// covered returns what a program's tests run, nil for programs of another machine. It builds the program for that when it is asked first.
func (e *environment) covered(ctx context.Context, program string) (covered, error) {
	if c, ok := e.coverage[program]; ok || e.guest != nil {
		return c, nil
	}
	b := e.build(program, coverage)
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	if err := b.step(ctx, "oracle_build", b.tree()); err != nil {
		return nil, err
	}
	if err := b.step(ctx, "oracle_install", b.tree(), "DESTDIR="+b.install()); err != nil {
		return nil, err
	}
	if _, err := b.check(ctx, "coverage", ""); err != nil {
		return nil, err
	}
	c := covered{}
	err := filepath.WalkDir(b.tree(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".gcda") {
			return err
		}
		return c.read(ctx, path)
	})
	if err == nil && len(c) == 0 {
		err = fmt.Errorf("%s: nothing was counted", program)
	}
	e.coverage[program] = c
	return c, err
}

// read adds what gcov says of one unit.
func (c covered) read(ctx context.Context, gcda string) error {
	cmd := exec.CommandContext(ctx, "gcov", "--json-format", "--stdout", gcda)
	cmd.Dir = filepath.Dir(gcda)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("gcov %s: %w", gcda, err)
	}
	var document struct {
		Files []struct {
			File      string
			Functions []struct {
				Name  string
				Count uint64 `json:"execution_count"`
			}
		}
	}
	if err := json.Unmarshal(out, &document); err != nil {
		return fmt.Errorf("gcov %s: %w", gcda, err)
	}
	for _, f := range document.Files {
		for _, fn := range f.Functions {
			if c[fn.Name] == nil {
				c[fn.Name] = map[string]bool{}
			}
			file := filepath.Base(f.File)
			c[fn.Name][file] = c[fn.Name][file] || fn.Count > 0
		}
	}
	return nil
}

// ran reports whether a function ran. One that its unit's source does not define comes from a header.
func (c covered) ran(f unitFunction) bool {
	name, _, _ := strings.Cut(f.Name, ".") // clones
	files := c[name]
	if ran, ok := files[filepath.Base(f.Unit)]; ok {
		return ran
	}
	for _, ran := range files {
		if ran {
			return true
		}
	}
	return false
}
