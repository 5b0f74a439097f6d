// Recompile compiles what a compilation database lists with two compilers in turn and prints how long each took:
//
//	recompile [-n 100] [-rounds 3] compile_commands.json gcc carecc
//
// patchmake record --compile-commands writes such a file. Outputs go to a directory that is removed; what is recorded, too.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// command is an entry of a compilation database, as far as it is needed.
type command struct {
	Directory string   `json:"directory"`
	File      string   `json:"file"`
	Arguments []string `json:"arguments"`
}

// gone reports whether the source is no more, as that of a build's probe.
func (c command) gone() bool {
	path := c.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Directory, path)
	}
	_, err := os.Stat(path)
	return err != nil
}

func main() {
	n, rounds := flag.Int("n", 100, "objects"), flag.Int("rounds", 3, "rounds; the best of each object and compiler counts")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: recompile [-n N] [-rounds N] compile_commands.json COMPILER OTHER")
		os.Exit(2)
	}
	if err := compare(flag.Arg(0), flag.Args()[1:], *n, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "recompile: error:", err)
		os.Exit(1)
	}
}

// took is the time of a compile.
type took struct{ wall, cpu time.Duration }

func compare(database string, compilers []string, n, rounds int) error {
	data, err := os.ReadFile(database)
	if err != nil {
		return err
	}
	var commands []command
	if err := json.Unmarshal(data, &commands); err != nil {
		return err
	}
	commands = spread(slices.DeleteFunc(commands, command.gone), n)
	dir, err := os.MkdirTemp("", "recompile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	best := make([][]took, len(compilers))
	for i := range compilers {
		best[i] = make([]took, len(commands))
	}
	for round := range rounds {
		record := filepath.Join(dir, fmt.Sprint(round)) // each round begins one, as a build does
		for k, command := range commands {
			for i, compiler := range compilers {
				t, err := compile(compiler, command, filepath.Join(record, compiler))
				if err != nil {
					return err
				}
				best[i][k].atMost(t)
			}
		}
	}
	first, second := sum(best[0]), sum(best[1])
	fmt.Printf("%d objects   %s %d ms, %d ms of processor time   %s %d ms, %d ms   ratio %.3f   of processor time %.3f\n", len(commands),
		compilers[0], first.wall.Milliseconds(), first.cpu.Milliseconds(), compilers[1], second.wall.Milliseconds(), second.cpu.Milliseconds(),
		float64(second.wall)/float64(first.wall), float64(second.cpu)/float64(first.cpu))
	return nil
}

// atMost lowers both times to those of another run.
func (t *took) atMost(other took) {
	if t.cpu == 0 || other.cpu < t.cpu {
		t.cpu = other.cpu
	}
	if t.wall == 0 || other.wall < t.wall {
		t.wall = other.wall
	}
}

func sum(all []took) (total took) {
	for _, t := range all {
		total.wall += t.wall
		total.cpu += t.cpu
	}
	return total
}

// spread picks n commands from the whole list.
func spread(commands []command, n int) []command {
	if len(commands) <= n {
		return commands
	}
	picked := make([]command, n)
	for i := range picked {
		picked[i] = commands[i*len(commands)/n]
	}
	return picked
}

// compile runs one command, with what it writes and what is recorded of it in a directory.
func compile(compiler string, c command, dir string) (took, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return took{}, err
	}
	run := exec.Command(compiler, redirected(c.Arguments[1:], dir)...)
	run.Dir, run.Env = c.Directory, append(os.Environ(), "KPATCH_ASM_DIR="+filepath.Join(dir, "record"))
	begun := time.Now()
	if out, err := run.CombinedOutput(); err != nil {
		return took{}, fmt.Errorf("%s: %w: %s", c.File, err, out)
	}
	return took{time.Since(begun), run.ProcessState.UserTime() + run.ProcessState.SystemTime()}, nil
}

// redirected lets a command write to a directory.
func redirected(arguments []string, dir string) []string {
	args := slices.Clone(arguments)
	for i := range len(args) - 1 {
		switch args[i] {
		case "-o":
			args[i+1] = filepath.Join(dir, "object.o")
		case "-MF":
			args[i+1] = filepath.Join(dir, "object.d")
		}
	}
	return args
}
