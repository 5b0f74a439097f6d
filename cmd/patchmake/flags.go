package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"gocare/builder"
	"gocare/internal/fault"
	"gocare/internal/isolate"
	"gocare/internal/kpname"
	"gocare/kpatch"
)

// options is a checked command line with its environment: all paths absolute.
type options struct {
	Clean, Update, DryRun bool
	BuildDir              string // working directory, where make runs
	SourceDir             string // where patches are applied
	Commands              builder.Commands
	ID                    string   // patch id
	BuildID               string   // overrides the rebuilt binary's, "" if not
	Targets               []string // shipped binaries that the rebuilt ones are proved to be
	Functions             []string // doublestar globs; replace Config
	Config                string   // file with one function name a line
	ConfigGiven           bool
	Description           string
	CVEs                  []string // what the patches fix, instead of what source patches and description name
	Bases                 []string // ids of patches whose changes these have too
	BuildTime             uint64   // SOURCE_DATE_EPOCH, seconds since 1970
	Identity              []string // doublestar globs: put these functions into the patch unchanged; no PATCH, no patched build
	Allow                 []string // reason codes whose refusals are overridden
	NoLineCompile         bool     // no compile with the old line numbers
	Isolation             isolate.Mode
	OriginalDir           string // install root of the original stage (LPMAKE_ORIGINAL_DIR)
	PatchedDir            string // install root of the patched stage (LPMAKE_PATCHED_DIR)
	PatchRoot             string // where patches are written (LPMAKE_PATCHROOT)
	Patches               []string
}

func makeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "clean", Aliases: []string{"c"}, Usage: "run the clean command first and build everything anew"},
		&cli.BoolFlag{Name: "update", Aliases: []string{"u"}, Usage: "no builds: make the patches anew from the recorded ones"},
		&cli.StringFlag{Name: "srcdir", Aliases: []string{"s"}, Usage: "apply the patches in `DIR`; the build stays in the working directory"},
		&cli.StringFlag{Name: "destdir", Aliases: []string{"d"}, Value: "DESTDIR", Usage: "`NAME` of the variable that holds the install root"},
		&cli.StringFlag{Name: "id", Aliases: []string{"i"}, Value: "0001", Usage: "patch `ID`: 1 to 7 of [A-Za-z0-9._-]"},
		&cli.StringFlag{Name: "buildid", Aliases: []string{"b"}, Usage: "use `HEX` in header and file name instead of the rebuilt binary's BuildID"},
		&cli.StringSliceFlag{Name: "target", Usage: "make the patch for the shipped binary `FILE`, or those of a directory, once the rebuilt one is proved to be the same (may repeat)"},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "run `N` compiles at a time"},
		&cli.StringFlag{Name: "build-cmd", Usage: "build with shell command `CMD` instead of make"},
		&cli.StringFlag{Name: "install-cmd", Usage: "install with shell command `CMD` instead of make install"},
		&cli.StringFlag{Name: "clean-cmd", Usage: "clean with shell command `CMD` instead of make clean"},
		&cli.StringSliceFlag{Name: "functions", Usage: "patch only changed functions matching `GLOB` (replaces the config file; may repeat)"},
		&cli.StringFlag{Name: "config", Value: "/etc/libcare.conf", Usage: "patch only changed functions listed in `FILE`, one name a line"},
		&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "description `TEXT` kept in the patch, a CVE number say"},
		cveFlag(),
		&cli.StringSliceFlag{Name: "base", Usage: "the patch may be applied over the one of this `ID`, whose changes it has too (may repeat)"},
		&cli.StringSliceFlag{Name: "allow", Usage: "override refusals with reason `CODE` (may repeat)"},
		&cli.StringFlag{Name: "isolation", Value: "auto", Usage: "how the patched build is kept out of the tree: auto, overlay, copy or inplace"},
		&cli.StringSliceFlag{Name: "identity", Usage: "instead of a PATCH: put every function matching `GLOB` into the patch unchanged, to test it (may repeat)"},
		&cli.BoolFlag{Name: "no-line-compile", Usage: "compare without compiling changed units again with the old line numbers"},
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "do everything but write the patches"},
	}
}

func cveFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "cve", Usage: "the patch fixes `CVE`, instead of what source patches and message name (may repeat)"}
}

func checkCVEs(names []string) error {
	for _, name := range names {
		if !kpname.IsCVE(name) {
			return usage("--cve %q: no name of a CVE", name).WithHint("give one as in --cve CVE-2026-1234; repeat the option for more")
		}
	}
	return nil
}

func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say more"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say only results and errors"},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON document on standard output"},
	}
}

// parseOptions checks the flags and arguments of a making run. env is os.Getenv or a stand-in.
func parseOptions(c *cli.Context, cwd string, env func(string) string) (options, error) {
	o := options{
		Clean: c.Bool("clean"), Update: c.Bool("update"), DryRun: c.Bool("dry-run"), NoLineCompile: c.Bool("no-line-compile"),
		BuildDir: cwd, ID: c.String("id"), BuildID: strings.ToLower(c.String("buildid")),
		Commands: builder.Commands{
			Build: c.String("build-cmd"), Install: c.String("install-cmd"), Clean: c.String("clean-cmd"),
			DestVar: c.String("destdir"), Jobs: c.Int("jobs"),
		},
		Functions: c.StringSlice("functions"), Config: c.String("config"), ConfigGiven: c.IsSet("config"),
		Description: c.String("message"), CVEs: c.StringSlice("cve"), Bases: c.StringSlice("base"), Allow: c.StringSlice("allow"), Targets: c.StringSlice("target"), Identity: c.StringSlice("identity"), Isolation: isolate.Mode(c.String("isolation")),
		Patches: c.Args().Slice(),
	}
	abs := func(path, unset string) string {
		if path == "" {
			path = unset
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
		return filepath.Clean(path)
	}
	o.SourceDir = abs(c.String("srcdir"), ".")
	o.OriginalDir = abs(env("LPMAKE_ORIGINAL_DIR"), "lpmake")
	o.PatchedDir = abs(env("LPMAKE_PATCHED_DIR"), ".lpmaketmp/patched")
	o.PatchRoot = abs(env("LPMAKE_PATCHROOT"), "patchroot")
	if err := o.check(); err != nil {
		return o, err
	}
	var err error
	o.BuildTime, err = buildTime(env("SOURCE_DATE_EPOCH"))
	return o, err
}

func (o *options) check() error {
	if o.Clean && o.Update {
		return usage("--clean and --update exclude each other").WithHint("--update makes the patches from the last builds, --clean builds anew")
	}
	if len(o.Identity) > 0 && len(o.Patches) > 0 {
		return usage("--identity takes no PATCH: it changes nothing")
	}
	if len(o.Patches) == 0 && !o.Update && len(o.Identity) == 0 {
		return usage("no PATCH given").WithHint("patchmake [OPTION...] PATCH...; - reads a patch from standard input")
	}
	if err := kpatch.ValidID(o.ID); err != nil {
		return usage("--id: %v", err).WithHint("%s", fault.As(err).Hint)
	}
	if err := checkCVEs(o.CVEs); err != nil {
		return err
	}
	for _, id := range o.Bases {
		if err := kpatch.ValidID(id); err != nil {
			return usage("--base: %v", err).WithHint("give the id of a patch, as carectl info lists it")
		}
	}
	if b, err := hex.DecodeString(o.BuildID); err != nil || len(b) > 20 {
		return usage("--buildid %q: not up to 40 hexadecimal digits", o.BuildID)
	}
	if o.BuildID != "" && len(o.Targets) > 0 {
		return usage("--buildid and --target exclude each other")
	}
	if o.Commands.Jobs < 0 {
		return usage("--jobs %d: not a positive number", o.Commands.Jobs)
	}
	if !validName(o.Commands.DestVar) {
		return usage("--destdir %q: not the name of a variable", o.Commands.DestVar).
			WithHint("give the name, DESTDIR say; the directory is set with LPMAKE_ORIGINAL_DIR")
	}
	if st, err := os.Stat(o.SourceDir); err != nil || !st.IsDir() {
		return usage("--srcdir %s: no such directory", o.SourceDir)
	}
	if err := checkAllowed(o.Allow); err != nil {
		return err
	}
	switch o.Isolation {
	case "auto", "overlay", "copy", "inplace":
		return nil
	}
	return usage("--isolation %q: not auto, overlay, copy or inplace", o.Isolation)
}

func checkAllowed(codes []string) error {
	for _, code := range codes {
		if !fault.Overridable(fault.Code(code)) {
			return usage("--allow %q: no refusal with that code can be overridden", code)
		}
	}
	return nil
}

func (o *options) allows(code fault.Code) bool { return slices.Contains(o.Allow, string(code)) }

func usage(format string, args ...any) *fault.Error {
	return fault.New(fault.Usage, "", format, args...)
}

func validName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
