package wrapper

import (
	"os"
	"strconv"
	"strings"

	"gocare/buildtree"
)

// maxAncestors is how far up the driver is sought: collect2, a shell in between.
const maxAncestors = 5

// driverCall is the compiler driver that runs this as or ld.
type driverCall struct {
	path string   // absolute; "" when a person or a Makefile runs the tool directly
	argv []string // its arguments, response files expanded; nil when not known
	from []string // the response files that its arguments came from, absolute
	opts []string // COLLECT_GCC_OPTIONS
	pid  int      // 0 when not known
}

// driver finds the driver: gcc leaves its name in COLLECT_GCC and is our parent or the parent of collect2. A clang is
// known by its own name.
func (p *Process) driver() driverCall {
	name := p.getenv("COLLECT_GCC")
	d := driverCall{path: p.absDriver(name), opts: splitOptions(p.getenv("COLLECT_GCC_OPTIONS"))}
	pid := os.Getppid()
	for range maxAncestors {
		argv := commandLine(pid)
		if len(argv) == 0 {
			break
		}
		if name != "" && argv[0] == name || name == "" && buildtree.IsClang(argv[0]) {
			d.argv, d.from = readResponses(argv[1:], p.Dir)
			d.argv = p.withoutShim(d.argv)
			d.pid = pid
			if d.path == "" {
				d.path = p.absDriver(argv[0])
			}
			break
		}
		if pid = parentOf(pid); pid <= 1 {
			break
		}
	}
	return d
}

// withoutShim takes out the -B that we put in front.
func (p *Process) withoutShim(argv []string) []string {
	if len(argv) > 0 {
		if dir, ok := strings.CutPrefix(argv[0], "-B"); ok && p.isShim(dir, "as") {
			return argv[1:]
		}
	}
	return argv
}

// id names this run of the driver.
func (d driverCall) id() string { return strconv.Itoa(d.pid) + "." + statField(d.pid, statStart) }

// commandLine returns the arguments of a process, nil when it cannot be read.
func commandLine(pid int) []string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// Fields of /proc/PID/stat by their numbers in proc(5).
const (
	statParent = 4
	statStart  = 22 // in clock ticks since boot
)

// parentOf returns the parent of a process, 0 when it cannot be read.
func parentOf(pid int) int {
	ppid, _ := strconv.Atoi(statField(pid, statParent))
	return ppid
}

// statField returns a field of /proc/PID/stat after the second, which is in parentheses and may hold anything.
func statField(pid, number int) string {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if i := number - 3; i < len(fields) {
		return fields[i]
	}
	return ""
}
