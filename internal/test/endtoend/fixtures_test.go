package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// The archives are held against gcc alone: each patched tree builds in every configuration, holds the construct it is about, and answers
// as its talk says; the original, too, where TestConstructs does not ask it. What is wrong with a patch afterwards is not the archive's fault.
func TestConstructsAreWhatTheySay(t *testing.T) {
	testkit.Require(t, "gcc", "make")
	for _, c := range constructs(t) {
		for _, cfg := range c.configs() {
			t.Run(c.Name+"/"+cfg.String(), func(t *testing.T) {
				t.Parallel()
				stages := []string{"patched"}
				if c.refused(cfg) != "" {
					stages = append(stages, "original")
				}
				for _, stage := range stages {
					dir := t.TempDir()
					files, turns := c.Original, c.before()
					if stage == "patched" {
						files, turns = c.Patched, c.between()
					}
					writeTree(t, dir, files)
					assertAssembly(t, c, cfg, stage, dir)
					runMake(t, dir, slices.Concat(cfg.env(), c.Make), "host")
					hold(t, testkit.Start(t, filepath.Join(dir, "host")), turns)
				}
			})
		}
	}
}

// An archive without a before, a during and an after proves nothing.
func TestConstructsHaveThreeParts(t *testing.T) {
	for _, c := range constructs(t) {
		count := map[string]int{}
		phase := "before"
		for _, turn := range c.Talk {
			if turn.Act != "say" {
				phase = turn.Act
				continue
			}
			count[phase]++
			if turn.Want == "" {
				t.Errorf("%s: input %s has no answer", c.Name, turn.Input)
			}
		}
		for _, phase := range []string{"before", "patch", "unpatch"} {
			if count[phase] == 0 {
				t.Errorf("%s: nothing is asked in phase %q", c.Name, phase)
			}
		}
	}
}

// assertAssembly compiles the files that c makes assertions about, and fails where the construct is not in the output.
func assertAssembly(t *testing.T, c *construct, cfg config, stage, dir string) {
	t.Helper()
	for _, missing := range missingAssembly(t, c, cfg, cfg.Level, stage, dir) {
		t.Errorf("%s, %s", cfg, missing)
	}
}

// missingAssembly says what the compiler's output in dir does not show of what c asserts of a level.
func missingAssembly(t *testing.T, c *construct, cfg config, level, stage, dir string) []string {
	t.Helper()
	var missing []string
	asserted := cfg
	asserted.Level = level
	for _, a := range c.Assertions {
		if a.Stage != stage || !asserted.in(a.Configs) {
			continue
		}
		assembly := strings.TrimSuffix(a.File, ".c") + ".s"
		runMake(t, dir, slices.Concat(cfg.env(), c.Make, []string{"CC=" + cfg.Compiler}), assembly)
		text, err := os.ReadFile(filepath.Join(dir, assembly))
		if err != nil {
			t.Fatal(err)
		}
		if !a.Regexp.Match(text) {
			missing = append(missing, fmt.Sprintf("%s %s: the compiler's output has no %v", stage, a.File, a.Regexp))
		}
	}
	removeAll(t, dir, ".s")
	return missing
}

func runMake(t *testing.T, dir string, env []string, targets ...string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{"-s"}, targets...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %v: %v\n%s", targets, err, out)
	}
}

func removeAll(t *testing.T, dir, suffix string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, suffix) {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hold has a conversation with a program, turns of which must all be "say".
func hold(t *testing.T, p *testkit.Proc, turns []turn) {
	t.Helper()
	for _, turn := range turns {
		p.Send(turn.Input)
		if got := p.Next(); got != turn.Want {
			t.Errorf("input %s: got %q, want %q", turn.Input, got, turn.Want)
		}
	}
}
