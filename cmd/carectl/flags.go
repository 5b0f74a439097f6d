package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/version"
	"gocare/kpatch"
)

const help = `Apply patches to running processes, list and remove them.

A patch is a FILE.kpatch, or a directory of BUILDID.kpatch (or BUILDID/latest/kpatch.bin) files, of which those for the
objects of each process are taken. Exit status: 0 done, 1 failed or refused, 2 wrong usage, 3 try again later.`

// newApp describes the command line; *exit is what the command that ran ends with.
func newApp(stdout, stderr io.Writer) (app *cli.App, exit *int) {
	exit = new(int)
	app = &cli.App{
		Name: "carectl", Usage: "apply, list and remove live patches", Description: help,
		UsageText:   "carectl [-v] [--json] patch|run|unpatch|info|check|recover|verify [options] [arguments]",
		HideVersion: true, EnableBashCompletion: true, HideHelpCommand: true,
		Writer: stdout, ErrWriter: stderr, ExitErrHandler: func(*cli.Context, error) {},
		Flags: append(commonFlags(), &cli.BoolFlag{Name: "version", Usage: "print the version"}),
		Commands: []*cli.Command{
			{Name: "patch", Usage: "apply patches to processes", ArgsUsage: "FILE|DIR…", Flags: flagsOf(pidFlag(), replaceFlag(), waitFlag(), holdFlag(), requireFlag(), allowFlag(allowCoroutine, allowOver, allowUnload)), Action: action(exit, patch)},
			{Name: "run", Usage: "start a command and patch it before its main function runs", ArgsUsage: "FILE|DIR… -- CMD [ARG…]", Flags: flagsOf(waitFlag(), requireFlag()), Action: action(exit, runCommand)},
			{Name: helperCommand, Hidden: true, Flags: flagsOf(waitFlag(), requireFlag(), &cli.BoolFlag{Name: forkFlag}), Action: action(exit, runHelper)},
			{Name: workerCommand, Hidden: true, Action: action(exit, runWorker)},
			{Name: timekeeperCommand, Hidden: true, Action: action(exit, runTimekeeper)},
			{Name: guardCommand, Hidden: true, Action: action(exit, runGuard)},
			{Name: "unpatch", Usage: "remove a patch from processes", ArgsUsage: "[BUILDID|NAME…]", Flags: flagsOf(pidFlag(), idFlag(), waitFlag(), holdFlag(), allowFlag(allowCoroutine), unmapFlag()), Action: action(exit, unpatch)},
			{Name: "info", Usage: "list the patches in processes, by default in all; or how these stand to the patches given", ArgsUsage: "[FILE|DIR…]", Flags: flagsOf(pidFlag(), cveFlag(), requireFlag(), outdatedFlag(), prometheusFlag()), Action: action(exit, info)},
			{Name: "check", Usage: "say what patch would do, and change nothing", ArgsUsage: "FILE|DIR…", Flags: flagsOf(pidFlag(), replaceFlag(), requireFlag(), allowFlag(allowOver, allowUnload)), Action: action(exit, check)},
			{Name: "recover", Usage: "undo what a killed carectl left half done", ArgsUsage: " ", Flags: flagsOf(pidFlag(), waitFlag(), holdFlag()), Action: action(exit, recoverPatches)},
			{Name: "verify", Usage: "say who signed patches, and refuse those that nobody trusted did", ArgsUsage: "FILE|DIR…", Flags: flagsOf(keyFlag()), Action: action(exit, verify)},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				_, err := fmt.Fprintf(stdout, "carectl %s\n", version.String)
				return err
			}
			if c.Args().Present() {
				return fault.New(fault.Usage, "", "unknown command %q", c.Args().First()).WithHint("the commands are patch, run, unpatch, info, check, recover and verify")
			}
			return fault.New(fault.Usage, "", "no command").WithHint("the commands are patch, run, unpatch, info, check, recover and verify; see carectl --help")
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return err },
	}
	for _, c := range app.Commands {
		c.OnUsageError = app.OnUsageError
		c.HideHelpCommand = true
	}
	return app, exit
}

func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say what goes on, on standard error"},
		&cli.BoolFlag{Name: "json", Usage: "write exactly one JSON document to standard output"},
	}
}

func flagsOf(own ...cli.Flag) []cli.Flag { return append(own, commonFlags()...) }

func pidFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "pid", Aliases: []string{"p"}, Usage: "process, several with commas, or \"all\"; may be repeated"}
}

func idFlag() cli.Flag {
	return &cli.StringFlag{Name: "id", Aliases: []string{"i"}, Usage: "patch id"}
}

func replaceFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "replace", Usage: "id of a patch to remove in the same stop, if it is applied; several with commas, or repeated"}
}

func allowFlag(codes ...string) cli.Flag {
	return &cli.StringSliceFlag{Name: "allow", Usage: "a refusal to override: " + strings.Join(codes, " or ")}
}

// Reason codes of refusals that only the user can judge.
const (
	allowCoroutine = "busy-coroutine"
	allowOver      = "over-patch"
	allowUnload    = "may-unload"
)

func waitFlag() cli.Flag {
	return &cli.StringFlag{Name: "wait", Value: "5s", Usage: "how long to wait while the process is busy; 0 tries once"}
}

func holdFlag() cli.Flag {
	return &cli.StringFlag{Name: "hold", Value: "100ms", Usage: "how long threads that were led out of a function may wait for others; 0 leads none out"}
}

func unmapFlag() cli.Flag {
	return &cli.BoolFlag{Name: "unmap", Usage: "give the memory back; crashes a process that still has a pointer into it"}
}

func cveFlag() cli.Flag {
	return &cli.StringFlag{Name: "cve", Usage: "only patches that fix `CVE`"}
}

func outdatedFlag() cli.Flag {
	return &cli.BoolFlag{Name: "outdated", Usage: "list, too, what runs from a file that was deleted or replaced since"}
}

func prometheusFlag() cli.Flag {
	return &cli.StringFlag{Name: "prometheus", Usage: "write numbers to `FILE`, for the textfile collector of Prometheus' node_exporter"}
}

// request is what a command was asked.
type request struct {
	name    string
	all     bool  // every process
	pids    []int // without all; each once
	args    []string
	id      string
	old     []string // ids of patches to replace
	over    bool     // a patch may take the place of another in a function
	unloads bool     // a patch may use libraries that the program could unload
	mix     bool     // coroutines that are suspended may go on in old code
	wait    time.Duration
	hold    time.Duration
	given   bool // -p was given
	unmap   bool
	fork    bool // run-helper: start another one and end

	cve        string // "" for all
	outdated   bool
	prometheus string // file; "" for none

	signed bool   // patches must be signed, whatever the machine's policy says
	key    string // file of the public key to verify with; "" for those that the machine trusts
}

func newRequest(c *cli.Context) (request, error) {
	r := request{name: c.Command.Name, args: c.Args().Slice(), id: c.String("id"), unmap: c.Bool("unmap"), fork: c.Bool(forkFlag)}
	r.signed, r.key = c.Bool(signedFlag), c.String("key")
	r.cve, r.outdated, r.prometheus = c.String("cve"), c.Bool("outdated"), c.String("prometheus")
	if r.cve != "" && !kpname.IsCVE(r.cve) {
		return request{}, fault.New(fault.Usage, "", "--cve %q: no name of a CVE", r.cve).WithHint("give one, as in --cve CVE-2026-1234")
	}
	for _, code := range c.StringSlice("allow") {
		switch {
		case code == allowCoroutine && c.Command.Name != "check":
			r.mix = true
		case code == allowOver && c.Command.Name != "unpatch":
			r.over = true
		case code == allowUnload && c.Command.Name != "unpatch":
			r.unloads = true
		default:
			return request{}, fault.New(fault.Usage, "", "--allow %s: it cannot be overridden", code).
				WithHint("only %s can, and with patch and check %s and %s", allowCoroutine, allowOver, allowUnload)
		}
	}
	for _, id := range c.StringSlice("replace") {
		if err := kpatch.ValidID(id); err != nil {
			return request{}, fault.New(fault.Usage, "", "--replace: %v", err).WithHint("%s", fault.As(err).Hint)
		}
		r.old = append(r.old, id)
	}
	if err := r.addPIDs(c.StringSlice("pid")); err != nil {
		return request{}, err
	}
	var err error
	if text := c.String("wait"); text != "" {
		r.wait, err = parseDuration("wait", text)
	}
	if text := c.String("hold"); text != "" && err == nil {
		r.hold, err = parseDuration("hold", text)
	}
	return r, err
}

// addPIDs reads the values of -p: numbers with commas, or all.
func (r *request) addPIDs(values []string) error {
	for _, value := range values {
		r.given = true
		for _, word := range strings.Split(value, ",") {
			if word == "all" {
				r.all = true
				continue
			}
			pid, err := strconv.Atoi(word)
			if err != nil || pid <= 0 {
				return fault.New(fault.Usage, "", "-p %s: %q is no process id", value, word).WithHint("give numbers with commas, or all")
			}
			if !slices.Contains(r.pids, pid) {
				r.pids = append(r.pids, pid)
			}
		}
	}
	return nil
}

// parseDuration reads a duration; a bare number is seconds.
func parseDuration(flag, text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fault.New(fault.Usage, "", "--%s=%s is no duration", flag, text).WithHint("write 0, 500ms, 5s or 2m")
	}
	return d, nil
}

func (r *request) needPID() error {
	if !r.given {
		return fault.New(fault.Usage, "", "no process given").WithHint("use -p PID, or -p all")
	}
	return nil
}

func (r *request) needPatches() error {
	if err := r.needPID(); err != nil {
		return err
	}
	if len(r.args) == 0 {
		return fault.New(fault.Usage, "", "no patch given").WithHint("name a .kpatch file or a directory of them")
	}
	return nil
}

func (r *request) needID() error {
	if err := r.needPID(); err != nil {
		return err
	}
	if r.id == "" {
		return fault.New(fault.Usage, "", "no patch id given").WithHint("use -i ID; info lists the ids")
	}
	if err := kpatch.ValidID(r.id); err != nil {
		return fault.New(fault.Usage, "", "%v", err).WithHint("%s", fault.As(err).Hint)
	}
	return nil
}

// spreadPIDs puts -p before bare numbers that follow "-p N" and name no file, as in "-p $(pidof foo)".
func spreadPIDs(args []string) []string {
	var out []string
	inPIDs := false // args[i-1] was a process id
	for i, arg := range args {
		value := i > 0 && (args[i-1] == "-p" || args[i-1] == "--pid")
		if inPIDs && !value && isPID(arg) {
			out = append(out, "-p", arg)
			continue
		}
		if arg == "--" {
			return append(out, args[i:]...)
		}
		inPIDs = value || strings.HasPrefix(arg, "--pid=") || strings.HasPrefix(arg, "-p") && len(arg) > 2
		out = append(out, arg)
	}
	return out
}

func isPID(arg string) bool {
	if _, err := strconv.ParseUint(arg, 10, 31); err != nil {
		return false
	}
	_, err := os.Stat(arg)
	return err != nil
}
