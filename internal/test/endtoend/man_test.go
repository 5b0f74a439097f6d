package endtoend

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// manPage returns a page as plain text: the macros that only set type are taken out.
func manPage(t *testing.T, name string) string {
	t.Helper()
	text := readFile(t, filepath.Join(testkit.Root(t), "doc", "man", name))
	return strings.NewReplacer(`\-`, "-", `\fI`, "", `\fR`, "", `\fB`, "", `" "`, " ").Replace(text)
}

var option = regexp.MustCompile(`(?:^|[\s,\[|])(--?[a-zA-Z][a-zA-Z0-9-]*)`)

// options returns every option that a text mentions.
func options(text string) []string {
	var all []string
	for _, m := range option.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Each option of a program's help, and each of its commands' help, is in its page; and each option in the page's OPTIONS
// section is one of the program's.
func TestManPagesNameEveryOption(t *testing.T) {
	tests := []struct {
		program  string
		help     string
		commands int // at least
	}{
		{"patchmake", "--help", 3},
		{"carectl", "--help", 4},
		{"carecc", "--carecc-help", 0},
	}
	for _, tt := range tests {
		t.Run(tt.program, func(t *testing.T) {
			page := manPage(t, tt.program+".1")
			help := mustRun(t, 0, t.TempDir(), nil, tt.program, tt.help).Stdout
			known := options(optionColumn(help))
			commands := commandsOf(help)
			if len(commands) < tt.commands {
				t.Fatalf("commands %q in:\n%s", commands, help)
			}
			for _, command := range commands {
				assertContains(t, page, "\n.B "+command+"\n")
				help := mustRun(t, 0, t.TempDir(), nil, tt.program, command, "--help").Stdout
				known = append(known, options(optionColumn(help))...)
			}
			if len(known) == 0 {
				t.Fatal("no options in the help at all")
			}
			for _, name := range known {
				if !regexp.MustCompile(regexp.QuoteMeta(name) + `([^a-zA-Z0-9-]|$)`).MatchString(page) {
					t.Errorf("%s.1 does not mention %s", tt.program, name)
				}
			}
			if tt.program == "carecc" {
				return // all other options are the compiler's
			}
			_, section, _ := strings.Cut(page, ".SH OPTIONS")
			section, _, _ = strings.Cut(section, ".SH ")
			for line := range strings.Lines(section) {
				if !strings.HasPrefix(line, ".B") || strings.HasPrefix(line, ".BR -j64") {
					continue
				}
				for _, name := range options(line) {
					if !slices.Contains(known, name) {
						t.Errorf("%s.1 describes %s, which the program does not have", tt.program, name)
					}
				}
			}
		})
	}
}

// commandsOf returns the commands that a help text lists.
func commandsOf(help string) []string {
	_, list, _ := strings.Cut(help, "\nCOMMANDS:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.Lines(list) {
		if words := strings.Fields(line); len(words) > 1 {
			names = append(names, strings.TrimSuffix(words[0], ","))
		}
	}
	return names
}

// optionColumn keeps the lines of a help text that define options, without their descriptions.
func optionColumn(help string) string {
	var b strings.Builder
	for line := range strings.Lines(help) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "-") {
			line, _, _ = strings.Cut(line, "  ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Every program, and every page, names the others that exist.
func TestManPagesReferToPagesThatExist(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(testkit.Root(t), "doc", "man", "*.[0-9]"))
	if err != nil || len(pages) < 3 {
		t.Fatalf("pages: %q (%v)", pages, err)
	}
	reference := regexp.MustCompile(`(?m)^\.BR ([a-z]+) \(([0-9])\)`)
	for _, page := range pages {
		for _, m := range reference.FindAllStringSubmatch(readFile(t, page), -1) {
			if want := filepath.Join(filepath.Dir(page), m[1]+"."+m[2]); !slices.Contains(pages, want) {
				t.Errorf("%s refers to %s(%s), which is not there", filepath.Base(page), m[1], m[2])
			}
		}
	}
}
