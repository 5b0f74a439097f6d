package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"gocare/builder"
	"gocare/internal/fault"
	"gocare/internal/ui"
)

// parse runs the real command line up to the options of a making run.
func parse(t *testing.T, cwd string, env map[string]string, args ...string) (options, error) {
	t.Helper()
	var out *ui.UI
	var got options
	var perr error
	app, reordered, err := newApp(append([]string{"patchmake"}, args...), strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}, &out)
	if err != nil {
		return got, err
	}
	app.Action = func(c *cli.Context) error {
		got, perr = parseOptions(c, cwd, func(name string) string { return env[name] })
		return perr
	}
	return got, app.Run(reordered)
}

// seedCommand is the command line that the guide for QEMU prints, after the program's name.
const seedCommand = "--clean -s ../ 0002-patch-hello-qdm.patch -i 0001 --buildid=68f4ec13e140d3a688f3e0fb93442b8c7a86be8b -j 64"

func TestParseOptions(t *testing.T) {
	top := t.TempDir()
	cwd := filepath.Join(top, "build")
	if err := os.Mkdir(cwd, 0o755); err != nil {
		t.Fatal(err)
	}
	base := options{
		BuildDir: cwd, SourceDir: cwd, Commands: builder.Commands{DestVar: "DESTDIR"}, ID: "0001", Config: "/etc/libcare.conf", Isolation: "auto",
		OriginalDir: cwd + "/lpmake", PatchedDir: cwd + "/.lpmaketmp/patched", PatchRoot: cwd + "/patchroot", Patches: []string{"a.patch"},
	}
	with := func(change func(*options)) options {
		o := base
		change(&o)
		return o
	}
	for _, tt := range []struct {
		name, args string
		env        map[string]string
		want       options
	}{
		{"a patch alone", "a.patch", nil, base},
		{"the guide for QEMU", seedCommand, nil, with(func(o *options) {
			o.Clean, o.SourceDir, o.Commands.Jobs, o.Patches = true, top, 64, []string{"0002-patch-hello-qdm.patch"}
			o.BuildID = "68f4ec13e140d3a688f3e0fb93442b8c7a86be8b"
		})},
		{"the guide's example", "--clean -i 0001 a.patch", nil, with(func(o *options) { o.Clean = true })},
		{"attached jobs", "a.patch -j64", nil, with(func(o *options) { o.Commands.Jobs = 64 })},
		{"options between and after", "a.patch -i x --dry-run b.patch -m CVE-1", nil, with(func(o *options) {
			o.ID, o.DryRun, o.Description, o.Patches = "x", true, "CVE-1", []string{"a.patch", "b.patch"}
		})},
		{"options end at --", "-- -c", nil, with(func(o *options) { o.Patches = []string{"-c"} })},
		{"standard input", "-", nil, with(func(o *options) { o.Patches = []string{"-"} })},
		{"update needs no patch", "-u", nil, with(func(o *options) { o.Update, o.Patches = true, []string{} })},
		{
			"directories from the environment", "a.patch",
			map[string]string{"LPMAKE_ORIGINAL_DIR": "o", "LPMAKE_PATCHED_DIR": "/p", "LPMAKE_PATCHROOT": "../r"},
			with(func(o *options) { o.OriginalDir, o.PatchedDir, o.PatchRoot = cwd+"/o", "/p", top+"/r" }),
		},
		{"upper case BuildID", "-b ABCD a.patch", nil, with(func(o *options) { o.BuildID = "abcd" })},
		{"a glob with commas", "a.patch --functions {a,b*}", nil, with(func(o *options) { o.Functions = []string{"{a,b*}"} })},
		{"several globs", "a.patch --functions 'a*' --functions b", nil, with(func(o *options) { o.Functions = []string{"'a*'", "b"} })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(t, cwd, tt.env, strings.Fields(tt.args)...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") })); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, tt := range []struct{ name, args, want string }{
		{"no patch", "-c", "no PATCH given"},
		{"clean and update", "-c -u", "exclude each other"},
		{"id too long", "-i 12345678 a.patch", "--id"},
		{"id with a slash", "-i a/b a.patch", "--id"},
		{"empty id", "--id= a.patch", "--id"},
		{"BuildID that is no hex", "-b xyz a.patch", "--buildid"},
		{"BuildID too long", "-b " + strings.Repeat("ab", 21) + " a.patch", "--buildid"},
		{"negative jobs", "-j=-1 a.patch", "--jobs"},
		{"jobs that are no number", "-j x a.patch", "invalid value"},
		{"destdir given as a directory", "-d /tmp/x a.patch", "--destdir"},
		{"no such source directory", "-s nowhere a.patch", "--srcdir"},
		{"unknown option", "--nonsense a.patch", "unknown option"},
		{"isolation", "--isolation=none a.patch", "--isolation"},
		{"code that cannot be overridden", "--allow data-size a.patch", "--allow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, t.TempDir(), nil, strings.Fields(tt.args)...)
			if e := fault.As(err); e == nil || e.Kind != fault.Usage || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("got %v, want a usage error with %q", err, tt.want)
			}
		})
	}
}

func TestFilter(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "libcare.conf")
	if err := os.WriteFile(conf, []byte("# for QEMU\nhmp_info_qtree # shown\n\n  qbus_print\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		o        options
		function string
		want     bool
	}{
		{"no filter", options{Config: "/nonexistent"}, "f", true},
		{"listed", options{Config: conf}, "hmp_info_qtree", true},
		{"listed with blanks", options{Config: conf}, "qbus_print", true},
		{"only a prefix is listed", options{Config: conf}, "hmp_info_qtree_all", false},
		{"a prefix of what is listed", options{Config: conf}, "hmp_info", false},
		{"comment", options{Config: conf}, "for QEMU", false},
		{"glob", options{Config: conf, Functions: []string{"hmp_*", "x"}}, "hmp_other", true},
		{"globs replace the file", options{Config: conf, Functions: []string{"x"}}, "qbus_print", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := loadFilter(tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.keeps(tt.function); got != tt.want {
				t.Errorf("keeps %q: got %v", tt.function, got)
			}
		})
	}
	if _, err := loadFilter(options{Config: "/nonexistent", ConfigGiven: true}); err == nil {
		t.Error("a config file that was asked for and is missing is no error")
	}
}
