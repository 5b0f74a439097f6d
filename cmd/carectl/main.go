// Carectl applies patches to running processes, lists and removes them.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
	"gocare/internal/ui"
)

func main() {
	collectLate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// collectLate has memory collected for the first time when much is used, which most processes of carectl never come to, and as usual from
// there on.
func collectLate() {
	debug.SetGCPercent(800)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, 100)
}

// run is the whole program: arguments in, exit code out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app, exit := newApp(stdout, stderr)
	args, err := arrange(app, args)
	if err != nil {
		return newUI(stdout, stderr, false, wantsJSON(args)).Fail(err)
	}
	if err := app.RunContext(ctx, append([]string{app.Name}, args...)); err != nil {
		if fault.As(err) == nil {
			err = fault.New(fault.Usage, "", "%v", err).WithHint("see carectl --help")
		}
		return newUI(stdout, stderr, false, wantsJSON(args)).Fail(err)
	}
	return *exit
}

// wantsJSON reports whether --json is among the options, whatever else is wrong with them.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// arrange puts the command first, its options next, then the other arguments.
func arrange(app *cli.App, args []string) ([]string, error) {
	flags := slices.Clone(app.Flags)
	var names []string
	for _, c := range app.Commands {
		flags = append(flags, c.Flags...)
		names = append(names, c.Name)
	}
	command, rest := ui.Command(args, flags, names)
	if command == "" {
		return ui.Permute(args, app.Flags)
	}
	if i := slices.Index(rest, "--"); i >= 0 && command == "run" {
		rest = slices.Insert(rest, i, "--") // one ends the options, the other the patches
	}
	rest, err := ui.Permute(spreadPIDs(rest), app.Command(command).Flags)
	if err != nil {
		return args, err
	}
	return append([]string{command}, rest...), nil
}

// newUI returns the user interface of one command.
func newUI(stdout, stderr io.Writer, verbose, json bool) *ui.UI {
	level := ui.Normal
	if verbose {
		level = ui.Verbose
	}
	return ui.New("carectl", stdout, stderr, level, json)
}
