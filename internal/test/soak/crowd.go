package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// digits is a program that says of each function whether it is patched, as a digit.
const digits = `
int main(void)
{
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
			putchar('0' + table[i](0));
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
`

const head = "#include <stdio.h>\nstatic volatile int sink;\n"

// crowd applies many patches to one process, each of a function of its own, and removes them in another order; then all at once.
func crowd(ctx context.Context, s *soak) error {
	const n = 512
	program, files, err := s.crowdOf(ctx, n)
	if err != nil {
		return err
	}
	t, err := talk(program)
	if err != nil {
		return err
	}
	defer t.end()
	c := &crowded{soak: s, talker: t, want: []byte(strings.Repeat("0", n))}
	for i, file := range files {
		if err := c.do(ctx, i, '1', "patch", file); err != nil {
			return err
		}
	}
	applied := c.took
	c.took = nil
	for k := range files {
		i := k * 211 % n // every one of them, in no order
		if err := c.do(ctx, i, '0', "unpatch", "-i", fmt.Sprintf("c%d", i)); err != nil {
			return err
		}
	}
	before, err := count(t.pids()[0])
	if err != nil {
		return err
	}
	all, err := s.carectl(ctx, t.pids(), "patch", files...)
	if err != nil {
		return err
	}
	if err := c.check(strings.Repeat("1", n)); err != nil {
		return err
	}
	after, err := count(t.pids()[0])
	if err != nil {
		return err
	}
	fmt.Printf("crowd: %d patches in one process: the first ones took %s each, the last ones %s, to remove these %s, the last one %s; all in one stop %s, stopped for %s\n",
		n, median(applied[:16]), median(applied[n-16:]), median(c.took[:16]), median(c.took[n-16:]), all.took, all.freeze)
	fmt.Printf("crowd: before %v; after %v\n", before, after)
	return after.leaked(before)
}

// crowdOf makes a program and a patch for each of its functions.
func (s *soak) crowdOf(ctx context.Context, n int) (program string, files []string, err error) {
	dir := filepath.Join(s.work, "crowd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "orig.c"), []byte(head+functions(n, 0)+table(n)+digits), 0o644); err != nil {
		return "", nil, err
	}
	if err := sh(ctx, dir, "gcc -O2 -S -o orig.s orig.c && gcc -o program orig.s"); err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "orig.s"))
	if err != nil {
		return "", nil, err
	}
	turns := make(chan struct{}, runtime.NumCPU())
	failed := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		files = append(files, filepath.Join(dir, fmt.Sprintf("crowd%d.kpatch", i)))
		turns <- struct{}{}
		wait.Go(func() {
			defer func() { <-turns }()
			failed[i] = crowdPatch(ctx, dir, i, string(text))
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return "", nil, err
		}
	}
	return filepath.Join(dir, "program"), files, nil
}

// crowdPatch makes the patch after which function i returns one more.
func crowdPatch(ctx context.Context, dir string, i int, original string) error {
	before, after, ok := strings.Cut(original, fmt.Sprintf("\nf%d:\n", i))
	body, rest, found := strings.Cut(after, "\tret\n")
	if !ok || !found {
		return fmt.Errorf("no function f%d in the assembly", i)
	}
	name := fmt.Sprintf("patched%d.s", i)
	text := before + fmt.Sprintf("\nf%d:\n", i) + body + "\taddl\t$1, %eax\n\tret\n" + rest
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		return err
	}
	return sh(ctx, dir, fmt.Sprintf("patchmake from-asm --orig orig.s --patched %s --binary program -i c%d -o crowd%d.kpatch && rm %[1]s", name, i, i))
}

// crowded is a process with some of the patches.
type crowded struct {
	*soak
	*talker
	want []byte
	took []time.Duration
}

// do runs a command, after which function i is as it says and all others are as before.
func (c *crowded) do(ctx context.Context, i int, is byte, command string, args ...string) error {
	d, err := c.carectl(ctx, c.pids(), command, args...)
	if err != nil {
		return err
	}
	c.took = append(c.took, d.took)
	c.want[i] = is
	return c.check(string(c.want))
}

func (c *crowded) check(want string) error {
	got, err := c.ask()
	if err == nil && got != want {
		err = fmt.Errorf("functions that are patched: %s, want %s", got, want)
	}
	return err
}
