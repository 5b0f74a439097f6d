package endtoend

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/internal/fault"
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

// Each reason code in the sources is in gocare(7), and the other way round; those that can be overridden are marked.
func TestManPageListsReasonCodes(t *testing.T) {
	listed := listedCodes(t)
	used := sourceCodes(t)
	for code := range used {
		if _, ok := listed[code]; !ok {
			t.Errorf("gocare.7 does not list %s", code)
		}
	}
	for code, marked := range listed {
		if !used[code] {
			t.Errorf("gocare.7 lists %s, which no source uses", code)
		}
		if marked != fault.Overridable(code) {
			t.Errorf("gocare.7 marks %s: %v, can be overridden: %v", code, marked, !marked)
		}
	}
}

// listedCodes returns the reason codes of gocare(7), and whether each is marked as one that can be overridden.
func listedCodes(t *testing.T) map[string]bool {
	t.Helper()
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\.TP\n\.BR ([a-z0-9-]+)( " \*")?$`).FindAllStringSubmatch(manPage(t, "gocare.7"), -1) {
		listed[m[1]] = m[2] != ""
	}
	return listed
}

// sourceCodes returns the reason codes in the sources: the first argument of a refusal, a field of that name, a listed code.
func sourceCodes(t *testing.T) map[string]bool {
	t.Helper()
	use := regexp.MustCompile(`(?:[rR]efuse\(|\.problem\(|\b[cC]ode(?::| =) *)"([a-z0-9-]+)"|\breturn "([a-z]+(?:-[a-z]+)+)", "`)
	codes := map[string]bool{}
	root := testkit.Root(t)
	for _, name := range files(t, root) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, ".") {
			continue
		}
		if name == "internal/fault/codes.go" {
			for _, m := range regexp.MustCompile(`"([a-z-]+)"`).FindAllStringSubmatch(readFile(t, filepath.Join(root, name)), -1) {
				codes[m[1]] = true
			}
		}
		for _, m := range use.FindAllStringSubmatch(readFile(t, filepath.Join(root, name)), -1) {
			codes[m[1]+m[2]] = true
		}
	}
	delete(codes, "failed") // the code of errors without one
	return codes
}
