package main

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"gocare/internal/ui"
)

// beginner makes the UI that a command's flags ask for.
type beginner func(*cli.Context) *ui.UI

func subcommands(begin beginner, stdin io.Reader) []*cli.Command {
	return append([]*cli.Command{
		{
			Name: "from-asm", Usage: "make a patch from two assembly files and the binary built from the first",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "orig", Usage: "assembly `FILE` of the original code"},
				&cli.StringFlag{Name: "patched", Usage: "assembly `FILE` of the patched code"},
				&cli.StringFlag{Name: "binary", Usage: "`FILE` linked from the original, with symbol table"},
				&cli.StringFlag{Name: "id", Aliases: []string{"i"}, Value: "0001", Usage: "patch `ID`"},
				&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the patch to `FILE`"},
				&cli.StringFlag{Name: "as", Value: "as", Usage: "assemble with `PROGRAM`"},
				&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "description `TEXT` kept in the patch"},
				cveFlag(),
			}, outputFlags()...),
			Action: func(c *cli.Context) error { return fromAsm(c, begin(c)) },
		},
		{
			Name: "from-objects", Usage: "make a patch from the objects of both versions and the binary linked from the originals",
			Flags: objectFlags(
				&cli.StringSliceFlag{Name: "orig", Usage: "object `FILE` of the original code (may repeat)"},
				&cli.StringSliceFlag{Name: "patched", Usage: "object `FILE` of the patched code, one for each of the original, in the same order"},
				&cli.StringFlag{Name: "binary", Usage: "`FILE` linked from the originals, and perhaps from more, with symbol table"},
			),
			Action: func(c *cli.Context) error { return fromObjects(c, begin(c)) },
		},
		{
			Name: "from-binaries", Usage: "make a patch from both versions of a program, linked with --emit-relocs",
			Flags: objectFlags(
				&cli.StringFlag{Name: "orig", Usage: "`FILE`: the original program or library"},
				&cli.StringFlag{Name: "patched", Usage: "`FILE`: its patched version"},
			),
			Action: func(c *cli.Context) error { return fromBinaries(c, begin(c)) },
		},
		{
			Name: "inspect", Usage: "print what a .kpatch file holds", ArgsUsage: "FILE", Flags: outputFlags(),
			Action: func(c *cli.Context) error {
				u := begin(c)
				if c.NArg() != 1 {
					return usage("inspect takes one FILE")
				}
				return inspectFile(c.Args().First(), u)
			},
		},
		{
			Name: "explain", Usage: "say of each changed function of the last run in this tree, refused or not, whether it is in the patch, and why; or what a reason CODE means",
			ArgsUsage: "[CODE]", BashComplete: func(c *cli.Context) { completeExplain(c, os.Args) },
			Flags: append([]cli.Flag{
				&cli.BoolFlag{Name: "all", Usage: "list functions and sources that did not change, too"},
				&cli.StringFlag{Name: "html", Usage: "write a page for a review, with source and assembly side by side, to `FILE`"},
			}, outputFlags()...),
			Action: func(c *cli.Context) error {
				u := begin(c)
				switch c.NArg() {
				case 0:
					return explain(c.Bool("all"), c.String("html"), u)
				case 1:
					if c.IsSet("html") {
						return usage("explain --html takes no CODE")
					}
					return explainCode(c.Args().First(), u)
				}
				return usage("explain takes one CODE at most: %q", c.Args().Get(1))
			},
		},
		recordCommand(begin),
	}, signCommands(begin, stdin)...)
}
