package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
)

func testFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "clean", Aliases: []string{"c"}},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}},
		&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}},
		&cli.StringFlag{Name: "id", Aliases: []string{"i"}},
		&cli.StringFlag{Name: "build-cmd"},
		&cli.DurationFlag{Name: "wait"},
		&cli.StringSliceFlag{Name: "pid", Aliases: []string{"p"}},
	}
}

func TestPermute(t *testing.T) {
	for _, tt := range []struct{ name, args, want string }{
		{"nothing", "", ""},
		{"options before", "-c -i 0001 foo.patch", "-c -i 0001 foo.patch"},
		{"options after", "foo.patch -c -i 0001", "-c -i 0001 foo.patch"},
		{"options between", "a -c b -i 0001 c", "-c -i 0001 a b c"},
		{"attached short value", "a -j64", "-j 64 a"},
		{"attached short value with equals", "a -j=64", "-j 64 a"},
		{"attached long value", "a --id=x", "--id=x a"},
		{"separate long value", "a --id x", "--id x a"},
		{"value that looks like an option", "--build-cmd -c a", "--build-cmd -c a"},
		{"dash is a file", "-c -", "-c -"},
		{"dash as value", "-i - a", "-i - a"},
		{"double dash", "-c -- -i a", "-c -- -i a"},
		{"double dash without need", "a -- -c b", "-- a -c b"},
		{"double dash of plain names", "-c -- a b", "-c a b"},
		{"repeated option", "-p 1 a -p 2", "-p 1 -p 2 a"},
		{"help is known", "a -h --help", "-h --help a"},
		{"bool with value", "a --clean=false", "--clean=false a"},
		{"empty argument", "a  -c", "-c a "},
		{"completion request", "a -c --generate-bash-completion", "a -c --generate-bash-completion"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Permute(split(tt.args), testFlags())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, split(tt.want)) {
				t.Errorf("got %q, want %q", got, split(tt.want))
			}
		})
	}
}

func split(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, " ")
}

func TestPermuteRefuses(t *testing.T) {
	for _, tt := range []struct{ name, args, want string }{
		{"unknown short", "-x a", "unknown option -x"},
		{"unknown long", "--clena a", "unknown option --clena"},
		{"unknown long with value", "--clena=1 a", "unknown option --clena"},
		{"bundled", "-cv a", "unknown option -cv"},
		{"long name with one dash", "-verbose", "unknown option -verbose"},
		{"short name with two dashes", "--c", "unknown option --c"},
		{"no value, short", "a -i", "option -i needs a value"},
		{"no value, long", "a --id", "option --id needs a value"},
		{"prefix of a long name", "--verb", "unknown option --verb"},
		{"three dashes", "---", "unknown option ---"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Permute(split(tt.args), testFlags())
			e := fault.As(err)
			if e == nil {
				t.Fatalf("got %q, %v, want a fault", got, err)
			}
			if got != nil || e.Kind != fault.Usage || e.What != tt.want {
				t.Errorf("got %q, kind %d, %q; want nil, Usage, %q", got, e.Kind, e.What, tt.want)
			}
		})
	}
}

// TestPermuteFeedsLibrary checks the purpose: the CLI library sees every option whatever its place.
func TestPermuteFeedsLibrary(t *testing.T) {
	var id string
	var jobs int
	var files []string
	app := &cli.App{
		Name: "t", Flags: testFlags(), HideVersion: true,
		Action: func(c *cli.Context) error {
			id, jobs, files = c.String("id"), c.Int("jobs"), c.Args().Slice()
			return nil
		},
	}
	args, err := Permute([]string{"a.patch", "-i", "0002", "b.patch", "-j64", "--", "-c.patch"}, app.Flags)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(append([]string{"t"}, args...)); err != nil {
		t.Fatal(err)
	}
	if id != "0002" || jobs != 64 || !slices.Equal(files, []string{"a.patch", "b.patch", "-c.patch"}) {
		t.Errorf("id %q, jobs %d, files %q", id, jobs, files)
	}
}

func TestCommand(t *testing.T) {
	names := []string{"patch", "info"}
	for _, tt := range []struct{ name, args, command, rest string }{
		{"first", "patch -c a", "patch", "-c a"},
		{"behind options", "-v -j64 -i patch info a", "info", "-v -j64 -i patch a"},
		{"only the first positional", "a patch", "", "a patch"},
		{"not behind a double dash", "-v -- patch", "", "-v -- patch"},
		{"none", "-v", "", "-v"},
		{"behind a wrong option", "-x patch", "patch", "-x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command, rest := Command(split(tt.args), testFlags(), names)
			if command != tt.command || !slices.Equal(rest, split(tt.rest)) {
				t.Errorf("got %q, %q; want %q, %q", command, rest, tt.command, tt.rest)
			}
		})
	}
}

// TestLibraryStops: the library leaves options behind the first positional argument, and values that are attached to short
// options, to us. Where it no longer does, Permute may go.
func TestLibraryStops(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		id   string
		rest []string
		fail bool
	}{
		{"option before", []string{"-i", "1", "a"}, "1", []string{"a"}, false},
		{"option behind", []string{"a", "-i", "1"}, "", []string{"a", "-i", "1"}, false},
		{"attached value", []string{"-i1", "a"}, "", nil, true},
	} {
		for _, bundled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, UseShortOptionHandling %t", tt.name, bundled), func(t *testing.T) {
				var id string
				var rest []string
				app := &cli.App{
					Flags: testFlags(), Writer: io.Discard, ErrWriter: io.Discard, UseShortOptionHandling: bundled,
					Action: func(c *cli.Context) error {
						id, rest = c.String("id"), c.Args().Slice()
						return nil
					},
				}
				err := app.Run(append([]string{"t"}, tt.args...))
				if (err != nil) != tt.fail || id != tt.id || !slices.Equal(rest, tt.rest) {
					t.Errorf("id %q, arguments %q, %v; want %q, %q, an error: %t", id, rest, err, tt.id, tt.rest, tt.fail)
				}
			})
		}
	}
}
