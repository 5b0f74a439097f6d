package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// talker is a program of ours that answers each line of its standard input with one.
type talker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func talk(program string) (*talker, error) {
	t := &talker{cmd: exec.Command(program)}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := t.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.in, t.out = in, bufio.NewScanner(out)
	t.out.Buffer(nil, 1<<20)
	return t, t.cmd.Start()
}

func (t *talker) pids() []int { return []int{t.cmd.Process.Pid} }

func (t *talker) ask() (string, error) {
	if _, err := io.WriteString(t.in, "\n"); err != nil {
		return "", err
	}
	if !t.out.Scan() {
		return "", fmt.Errorf("the program is gone: %w", t.out.Err())
	}
	return t.out.Text(), nil
}

func (t *talker) end() {
	_ = t.in.Close() // it ends by that
	_ = t.cmd.Wait()
}

// sh runs a command in a directory.
func sh(ctx context.Context, dir, command string) error {
	cmd := exec.CommandContext(ctx, "sh", "-ec", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

// makePatch builds a program of one source in a directory of its own through carecc, and the patch to another source.
func (s *soak) makePatch(ctx context.Context, name, original, patched string) (program, patch string, took time.Duration, err error) {
	dir := filepath.Join(s.work, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", "", 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", 0, err
	}
	const makefile = "all: program\nprogram: program.c\n\t$(CC) -O2 -g -pthread -o $@ $<\ninstall: all\n\tmkdir -p $(DESTDIR) && cp program $(DESTDIR)\nclean:\n\trm -f program\n"
	for file, text := range map[string]string{"program.c": original, "program.new": patched, "Makefile": makefile} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return "", "", 0, err
		}
	}
	if err := sh(ctx, dir, "diff -u --label program.c --label program.c program.c program.new >../"+name+".patch || [ $? = 1 ]"); err != nil {
		return "", "", 0, err
	}
	start := time.Now()
	if err := sh(ctx, dir, "patchmake -q -i soak ../"+name+".patch"); err != nil {
		return "", "", 0, err
	}
	took = time.Since(start)
	list, err := filepath.Glob(filepath.Join(dir, "patchroot", "*.kpatch"))
	if err != nil || len(list) != 1 {
		return "", "", 0, fmt.Errorf("%d patches", len(list))
	}
	return filepath.Join(dir, "lpmake", "program"), list[0], took, nil
}

// functions is the text of so many functions, of which the first few are changed.
func functions(n, changed int) string {
	var b strings.Builder
	for i := range n {
		what := "0"
		if i < changed {
			what = "1"
		}
		fmt.Fprintf(&b, "__attribute__((noinline)) int f%d(int x) { sink = %d; return x + %s; }\n", i, i, what)
	}
	return b.String()
}

// table is an array of these functions.
func table(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "f%d,", i)
	}
	return "static int (*const table[])(int) = {" + b.String() + "};\n"
}
