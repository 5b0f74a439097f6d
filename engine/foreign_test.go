package engine

import (
	"debug/elf"
	"testing"

	"gocare/internal/kpname"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
)

// accessed has variables of each width, none of which a load counts as eights from the start of its page.
const accessed = `
#include <stdio.h>
char letters[8] = {0, 0, 0, 1}; short halves[6] = {0, 0, 0, 0, 0, 10}; int words[4] = {0, 100}; long wide[2] = {0, 1000}; int list[2] = {0, 500000}, seen;
__attribute__((noinline)) int value(int x) { return x + letters[3] + halves[5] + words[1] + wide[1] + seen; }
int main(void) {
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin))
		printf("value %d\n", value(100000));
	return 0;
}`

const accessedPatch = `
#define near __attribute__((visibility("hidden")))
extern near char letters[8]; extern near short halves[6]; extern near int words[4], list[2]; extern near long wide[2];
extern int seen, abs(int);
static int own = 200000;
static int minus(int x) __attribute__((noinline));
int value(int x) {
	int (*volatile library)(int) = abs, *volatile first = list;
	seen += 10000;
	return library(minus(x)) + letters[3] + halves[5] + words[1] + wide[1] + first[1] + seen + own++;
}
static int minus(int x) { return -x; }
`

// TestLeftToLoader applies and removes a patch as LibcarePlus makes them for aarch64: its loader is left to fill in each part of an address, to give
// imports slots, and to make loads from slots additions where there are none.
func TestLeftToLoader(t *testing.T) {
	onlyOn(t, "arm64")
	testkit.Require(t, "gcc", "ptrace")
	for name, flags := range map[string][]string{"PIE": {"-O2", "-pie", "-fPIE"}, "no-pie": {"-O2", "-no-pie", "-fno-pie"}} {
		t.Run(name, func(t *testing.T) {
			program := testkit.CCText(t, accessed, flags)
			path := handpatch.Build(t, handpatch.Spec{Program: program, Source: accessedPatch, NoMeta: true, ToLoader: true})
			assertLeft(t, path)
			s := &session{testkit.Start(t, program)}
			s.p.WaitLine("ready")
			expect(t, s.ask(), "value 101111")
			mustApply(t, s.p.PID, path)
			expect(t, s.ask(), "value 811111")
			expect(t, s.ask(), "value 821112")
			mustRevert(t, s.p.PID, "0001")
			expect(t, s.ask(), "value 121111")
		})
	}
}

// assertLeft makes sure that the loader has something to do.
func assertLeft(t *testing.T, path string) {
	t.Helper()
	left := map[elf.R_AARCH64]bool{}
	for _, s := range loadFile(t, path).Patch.Sections {
		for _, r := range s.Relocs {
			left[elf.R_AARCH64(r.Type.Number)] = left[elf.R_AARCH64(r.Type.Number)] || s.Name == kpname.Text
		}
	}
	for _, typ := range []elf.R_AARCH64{
		elf.R_AARCH64_ADR_PREL_PG_HI21, elf.R_AARCH64_ADD_ABS_LO12_NC, elf.R_AARCH64_LDST8_ABS_LO12_NC, elf.R_AARCH64_LDST16_ABS_LO12_NC,
		elf.R_AARCH64_LDST32_ABS_LO12_NC, elf.R_AARCH64_LDST64_ABS_LO12_NC, elf.R_AARCH64_ADR_GOT_PAGE, elf.R_AARCH64_LD64_GOT_LO12_NC,
	} {
		if !left[typ] {
			t.Errorf("the patch has no %v", typ)
		}
	}
}
