// carecc stands in for the C and C++ compiler: it changes nothing and records every compile and link for patchmake.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"gocare/internal/version"
	"gocare/wrapper"
)

const help = `carecc stands in for gcc and records what is built, for patchmake to make live patches from.

  CC=carecc CXX=carec++ ./configure && make
  eval "$(carecc --env)"; make            with CC left as it is

Everything but --carecc-help, --carecc-version and --env (each alone) goes to the real compiler.

  KPCCREAL, KPCXXREAL   the real compilers; else the first gcc, g++, cc, c++ in PATH
  KPATCH_STAGE          original (default), patched, configure (record nothing)
  KPATCH_ASM_DIR        where the record is kept; else .gocare in the build root
  KPCC_APPEND_ARGS      arguments to add, KPCC_REMOVE_ARGS to leave out, separated by ";"
  KPCC_DEBUG            a file to which each command is written
`

// heapLimit is the memory in bytes from which a tool's is collected.
const heapLimit = 256 << 20

func main() {
	if isTool(os.Args[0]) {
		debug.SetGCPercent(-1) // short-lived: rather memory than time
		debug.SetMemoryLimit(heapLimit)
		runtime.GOMAXPROCS(1) // and one thread that works, rather than several that wake each other
	}
	os.Exit(run(os.Args))
}

func run(argv []string) int {
	dir, err := syscall.Getwd() // as the kernel has it, whatever PWD says: both builds must name files alike
	if err != nil {
		dir = "/"
	}
	exe, err := os.Executable()
	if err != nil {
		exe = argv[0]
	}
	p := wrapper.Process{Argv: argv, Env: os.Environ(), Dir: dir, Exe: exe}
	if len(argv) == 2 && !isTool(argv[0]) {
		if status, done := answer(argv[1], exe); done {
			return status
		}
	}
	return wrapper.Run(p)
}

// answer handles carecc's own options.
func answer(option, exe string) (status int, done bool) {
	switch option {
	case "--carecc-version":
		fmt.Println("carecc", version.String)
	case "--carecc-help":
		fmt.Print(help)
	case "--env":
		lines, err := wrapper.ShellEnv(exe, os.Getenv)
		if err != nil {
			fmt.Fprintf(os.Stderr, "carecc: error: no place for the links to as and ld: %v\n", err)
			return 1, true
		}
		fmt.Print(lines)
	default:
		return 0, false
	}
	return 0, true
}

// isTool reports whether this is one of the links in the shim directory.
func isTool(argv0 string) bool {
	name := filepath.Base(argv0)
	return name == "as" || name == "ld" || strings.HasPrefix(name, "ld.")
}
