package engine

import (
	"strings"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// TestSurvey: a process has what a patch changes if all functions of it run in a version that has all of its sources.
func TestSurvey(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
#include <stdio.h>
__attribute__((noinline)) int one(int x) { return x * 3 + 1; }
__attribute__((noinline)) int two(int x) { return x * 5 + 2; }
int main(int argc, char **argv) { char line[64]; puts("ready"); fflush(stdout); while (fgets(line, sizeof line, stdin)) printf("%d\n", one(argc) + two(argc)); return 0; }`,
		[]string{"-O2"})
	build := func(id, text, sources, base string) *File {
		f := loadFile(t, handpatch.Build(t, handpatch.Spec{Program: program, ID: id, Source: text}))
		f.Patch.Meta.BuildsOn = base
		for _, s := range strings.Fields(sources) {
			f.Patch.Meta.Sources = append(f.Patch.Meta.Sources, kpatch.SourceFile{Name: s, SHA256: strings.Repeat(s, 64)})
		}
		return reencoded(t, f)
	}
	const one, both = "int one(int x) { return x * 7; }", "int one(int x) { return x * 7; }\nint two(int x) { return x * 9; }"
	for _, tt := range []struct {
		name           string
		applied, asked *File
		fixed          bool
	}{
		{"another of the same id", build("0001", both, "a", ""), build("0001", both, "b", ""), false},
		{"from the same sources", build("0001", both, "a", ""), build("0002", both, "a", ""), true},
		{"from these and more", build("0001", both, "a b", ""), build("0002", both, "b", ""), true},
		{"from a part of them", build("0001", both, "a", ""), build("0002", both, "a b", ""), false},
		{"from no sources", build("0001", both, "", ""), build("0002", both, "", ""), false},
		{"made to be applied over it", build("0002", both, "b", "0001"), build("0001", both, "a", ""), true},
		{"of fewer functions", build("0001", one, "a", ""), build("0002", both, "a", ""), false},
		{"over it, of fewer functions", build("0002", one, "b", "0001"), build("0001", both, "a", ""), false},
		{"of more functions", build("0001", both, "a", ""), build("0002", one, "a", ""), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proc := testkit.Start(t, program)
			proc.WaitLine("ready")
			if err := plannedAndApplied(t, proc.PID, Request{Files: []*File{tt.applied}}); err != nil {
				t.Fatal(err)
			}
			p, err := inspect.Look(proc.PID)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			list, err := Survey(p, &Library{files: []*File{tt.asked}}, "", (*inspect.Process).Load)
			if err != nil || len(list) != 1 || list[0].Fixed != tt.fixed {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}
