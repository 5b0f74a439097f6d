package main

import (
	"context"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"gocare/internal/ui"
	"gocare/internal/version"
)

const usageText = `patchmake [OPTION...] PATCH...
patchmake from-asm --orig FILE.s --patched FILE.s --binary FILE [-i ID] -o FILE.kpatch
patchmake from-objects --orig FILE.o --patched FILE.o --binary FILE [-i ID] [-o DIR]
patchmake from-binaries --orig FILE --patched FILE [-i ID] [-o DIR]
patchmake inspect FILE.kpatch
patchmake explain [--all | --html FILE | CODE]
patchmake record [--prune] [--compile-commands]
patchmake keygen [--no-password] NAME
patchmake sign --key FILE.key FILE.kpatch...`

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := ui.New("patchmake", stdout, stderr, ui.Normal, false)
	app, reordered, err := newApp(args, stdin, stdout, stderr, &out)
	if err != nil {
		out = ui.New("patchmake", stdout, stderr, ui.Normal, slices.Contains(args, "--json"))
		return out.Fail(err)
	}
	return out.Fail(app.RunContext(ctx, reordered))
}

// newApp builds the command line interface and reorders args for it. *out becomes the UI that the flags ask for.
func newApp(args []string, stdin io.Reader, stdout, stderr io.Writer, out **ui.UI) (*cli.App, []string, error) {
	begin := func(c *cli.Context) *ui.UI {
		level := ui.Normal
		switch {
		case c.Bool("quiet"):
			level = ui.Quiet
		case c.Bool("verbose"):
			level = ui.Verbose
		}
		*out = ui.New("patchmake", stdout, stderr, level, c.Bool("json"))
		return *out
	}
	app := &cli.App{
		Name: "patchmake", Usage: "make live patches from source patches", UsageText: usageText, Version: version.String,
		Flags: append(makeFlags(), outputFlags()...), Commands: subcommands(begin, stdin),
		EnableBashCompletion: true, BashComplete: func(c *cli.Context) { completeMake(c, args) },
		DisableSliceFlagSeparator: true, HideHelpCommand: true, Writer: stdout, ErrWriter: stderr, ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			*out = ui.New("patchmake", stdout, stderr, ui.Normal, slices.Contains(args, "--json"))
			return usage("%v", err)
		},
		Action: func(c *cli.Context) error {
			u := begin(c)
			cwd, err := os.Getwd()
			if err != nil {
				return err
			}
			o, err := parseOptions(c, cwd, os.Getenv)
			if err != nil {
				return err
			}
			return makeAll(c.Context, o, stdin, u)
		},
	}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version"}
	reordered, err := reorder(app, args)
	return app, reordered, err
}

// reorder puts the options first; a subcommand's name is the first argument that is no option.
func reorder(app *cli.App, args []string) ([]string, error) {
	flags := append(app.Flags, cli.VersionFlag)
	if len(args) < 2 {
		return args, nil
	}
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	if name, rest := ui.Command(args[1:], flags, names); name != "" {
		rest, err := ui.Permute(rest, app.Command(name).Flags)
		return append([]string{args[0], name}, rest...), err
	}
	rest, err := ui.Permute(args[1:], flags)
	return append([]string{args[0]}, rest...), err
}
