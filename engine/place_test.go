package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// TestPlaceTakenMeanwhile: the process maps something, between the decision where the region goes and the mapping. What it
// mapped stays, and the next attempt goes elsewhere.
func TestPlaceTakenMeanwhile(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, `
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/mman.h>
		__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); return x + 41; }
		int main(void) {
			char line[64]; char *own = 0;
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) {
				if (line[0] == '0') {
					own = mmap((void *)strtoul(line, 0, 16), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
					strcpy(own, "mine");
				}
				printf("%d %s\n", value(0), own ? own : "-");
			}
			return 0;
		}`, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	ask := func(line string) string { p.Send(line); return p.Next() }
	h := mustHold(t, p.PID)
	plan, err := NewPlan(h.Process, Request{Files: []*File{loadFile(t, patch)}})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, ask(fmt.Sprintf("%#x", uint64(plan.Patches[0].Image.Base))), "41 mine")
	if _, err := h.Apply(context.Background(), plan, Options{}); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("got %v", err)
	}
	h.Release()
	expect(t, ask(""), "41 mine")
	mustApply(t, p.PID, patch)
	expect(t, ask(""), "50 mine")
	mustRevert(t, p.PID, "0001")
	expect(t, ask(""), "41 mine")
}

// TestPlaceInReach: jumps from and to a patch have to reach a program's code, wherever its data end. Where nothing is free so close, the patch is
// refused, and the process stays as it is.
func TestPlaceInReach(t *testing.T) {
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, reserve+`
		#include <stdio.h>
		static char pool[512 << 20];
		__attribute__((noinline)) int value(int x) { __asm__ volatile("nop; nop; nop"); pool[x + sizeof pool / 2]++; return x + 41; }
		int main(void) {
			char line[64]; const unsigned long at = (unsigned long)value, reach = 2ul << 30;
			setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
			while (fgets(line, sizeof line, stdin)) {
				if (line[0] == 'f') fill(at - reach, at + sizeof pool + reach);
				printf("%d\n", value(0));
			}
			return 0;
		}`, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 50; }"})
	p := testkit.Start(t, program)
	p.WaitLine("ready")
	ask := func(line string) string { p.Send(line); return p.Next() }
	mustApply(t, p.PID, patch)
	expect(t, ask(""), "50")
	if _, err := revert(t, p.PID, Options{Unmap: true}, "0001"); err != nil {
		t.Fatal(err)
	}
	expect(t, ask("f"), "41")
	_, err := apply(t, p.PID, Options{}, patch)
	wantCode(t, err, "no-room")
	noRegion(t, p.PID)
	expect(t, ask(""), "41")
}
