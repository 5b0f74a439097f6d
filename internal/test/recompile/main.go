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

func main() {
	n, rounds := flag.Int("n", 100, "objects"), flag.Int("rounds", 3, "rounds; the best of each compiler counts")
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

// took is the time of all compiles.
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
	commands = spread(commands, n)
	best := make([]took, len(compilers))
	for range rounds {
		for i, compiler := range compilers {
			t, err := compileAll(compiler, commands)
			if err != nil {
				return err
			}
			if best[i].cpu == 0 || t.cpu < best[i].cpu {
				best[i].cpu = t.cpu
			}
			if best[i].wall == 0 || t.wall < best[i].wall {
				best[i].wall = t.wall
			}
		}
	}
	fmt.Printf("%d objects   %s %d ms   %s %d ms   ratio %.3f   of processor time %.3f\n", len(commands), compilers[0], best[0].wall.Milliseconds(),
		compilers[1], best[1].wall.Milliseconds(), float64(best[1].wall)/float64(best[0].wall), float64(best[1].cpu)/float64(best[0].cpu))
	return nil
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

func compileAll(compiler string, commands []command) (took, error) {
	dir, err := os.MkdirTemp("", "recompile-")
	if err != nil {
		return took{}, err
	}
	defer os.RemoveAll(dir)
	begun := time.Now()
	var t took
	for _, c := range commands {
		run := exec.Command(compiler, redirected(c.Arguments[1:], dir)...)
		run.Dir, run.Env = c.Directory, append(os.Environ(), "KPATCH_ASM_DIR="+filepath.Join(dir, "record"))
		if out, err := run.CombinedOutput(); err != nil {
			return took{}, fmt.Errorf("%s: %w: %s", c.File, err, out)
		}
		t.cpu += run.ProcessState.UserTime() + run.ProcessState.SystemTime()
	}
	t.wall = time.Since(begun)
	return t, nil
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
