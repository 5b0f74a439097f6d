package endtoend

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// goldenPairs are refusals whose smallest source no compiler writes: for each code, assembly that is refused and its nearest
// neighbour, of which a patch is made.
var goldenPairs = map[fault.Code][2]string{
	"alias-changed":    {"alias-split", "alias-split-static"},
	"alias-cycle":      {"alias-cycle", "constant-pool"},
	"alias-expression": {"alias-expression", "alias-expression-other"},
	"empty-data":       {"empty-data", "literal-known"},
	"foreign-label":    {"foreign-label", "foreign-label-shared"},
	"label-table":      {"label-table", "computed-goto"},
	"private-data":     {"private-data", "private-data-named"},
	"section-anchors":  {"aarch64-anchors", "aarch64-anchors-named"},
	"static-ambiguous": {"static-ambiguous", "static-told-apart"},
	"unknown-label":    {"unknown-label", "literal-known"},
}

// codeTests names the test, as FILE:FUNCTION or a script, that makes each other refusal happen, and what is near it succeed.
var codeTests = map[fault.Code]string{
	// reading source patches
	"patch-empty": "internal/srcpatch/apply_test.go:TestRefusals", "patch-syntax": "internal/srcpatch/apply_test.go:TestRefusals",
	"patch-binary": "internal/srcpatch/apply_test.go:TestRefusals", "patch-path": "internal/srcpatch/apply_test.go:TestRefusals",
	"patch-target": "internal/srcpatch/apply_test.go:TestRefusals", "patch-reject": "internal/srcpatch/apply_test.go:TestRefusals",
	// building and recording
	"no-record":    "cmd/patchmake/testdata/script/refusals.txtar",
	"record-old":   "cmd/patchmake/testdata/script/stamps.txtar",
	"asm-file":     "cmd/patchmake/testdata/script/asmfiles.txtar",
	"isolate-busy": "internal/isolate/killed_test.go:TestRecoverWaits", "isolate-mode": "internal/isolate/isolate_test.go:TestModeRefused",
	"isolate-path": "internal/isolate/isolate_test.go:TestOpenRefuses", "buildid-ambiguous": "cmd/patchmake/testdata/script/refusals.txtar",
	"not-assembly": "cmd/patchmake/testdata/script/refusals.txtar", "no-build-id": "cmd/patchmake/testdata/script/refusals.txtar",
	// objects
	"no-relocations": "cmd/patchmake/testdata/script/objects.txtar", "object-unclear": "cmd/patchmake/testdata/script/objects.txtar",
	"unseen-input": "cmd/patchmake/testdata/script/objects.txtar",
	// references and the original binary
	"ambiguous-symbol": "ld/originals_test.go:TestAmbiguousLocal", "literal-unplaced": "diffasm/literal_test.go:TestLoneLiterals",
	"foreign-machine": "ld/map_test.go:TestForeign",
	"object-mismatch": "cmd/patchmake/testdata/script/refusals.txtar", "stripped": "cmd/patchmake/testdata/script/refusals.txtar",
	"library-patch": "cmd/patchmake/testdata/script/newinlibrary.txtar",
	"new-library":   "cmd/patchmake/testdata/script/newlibrary.txtar", "target-mismatch": "internal/test/endtoend/shipped_test.go:TestShippedBinary",
	// patch files
	"bad-id":          "kpatch/kpatch_test.go:TestDecodeRefuses",
	"format-build-id": "kpatch/kpatch_test.go:TestDecodeRefuses", "format-corrupt": "kpatch/kpatch_test.go:TestDecodeRefuses",
	"format-foreign": "kpatch/kpatch_test.go:TestDecodeRefuses", "format-machine": "kpatch/kpatch_test.go:TestDecodeRefuses",
	"format-truncated": "kpatch/kpatch_test.go:TestDecodeRefuses", "hooks-overlap": "stripper/strip_test.go:TestStripRefuses",
	"import-data": "stripper/strip_test.go:TestStripRefuses", "patch-too-large": "kpatch/validate_test.go:TestEncodeLimit",
	"reloc-32-pie": "stripper/strip_test.go:TestStripRefuses", "reloc-range": "stripper/strip_test.go:TestStripRefuses",
	"reloc-type": "engine/link/link_test.go:TestForeignRelocations",
	// signatures
	"bad-policy": "cmd/carectl/signed_test.go:TestSigned", "bad-signature": "cmd/carectl/signed_test.go:TestSigned",
	"key-expired": "cmd/carectl/signed_test.go:TestSigned", "unknown-key": "cmd/carectl/signed_test.go:TestSigned",
	"unsafe-trust": "cmd/carectl/signed_test.go:TestSigned", "unsigned": "cmd/carectl/signed_test.go:TestSigned",
	// processes
	"action-failed": "internal/test/endtoend/actions_test.go:TestActions", "action-refused": "internal/test/endtoend/actions_test.go:TestActions",
	"already-applied": "engine/refusals_test.go:TestPlanRefuses", "attach": "engine/trace/refuse_test.go:TestCauses",
	"bad-region": "engine/inspect/region_test.go:TestReadRegionsRefusesDamage", "busy-coroutine": "engine/coroutine_test.go:TestCoroutine",
	"busy-thread":       "engine/busy_test.go:TestBusy",
	"changed-meanwhile": "engine/refusals_test.go:TestChangedMeanwhile", "duplicate-function": "engine/refusals_test.go:TestPlanRefuses",
	"empty-patch": "engine/refusals_test.go:TestPlanRefuses", "exec-memory": "engine/refusals_test.go:TestMapped",
	"foreign-hook": "engine/stack_test.go:TestForeign", "foreign-patch": "engine/stack_test.go:TestForeignPatch",
	"ifunc-unresolved": "engine/stack_test.go:TestResolverIsRun", "interrupted": "cmd/carectl/process_test.go:TestSignals",
	"kernel-thread": "engine/inspect/inspect_test.go:TestReadRefuses", "landing-pad": "engine/link/landing_test.go:TestLandingPad", "loaded-twice": "engine/refusals_test.go:TestLoadedTwice",
	"locked": "engine/refusals_test.go:TestLocked", "machine": "engine/inspect/inspect_test.go:TestCheckMachine",
	"mapped-elsewhere": "engine/refusals_test.go:TestMapped", "no-patch-file": "engine/refusals_test.go:TestPatchFiles",
	"no-process": "engine/inspect/inspect_test.go:TestReadRefuses", "no-room": "engine/inspect/free_test.go:TestFreeRegion",
	"no-such-process": "engine/trace/trace_test.go:TestAttachErrors", "no-syscall-instruction": "engine/trace/refuse_test.go:TestNoSyscallInstruction",
	"not-applicable": "engine/refusals_test.go:TestPlanRefuses", "not-applied": "engine/refusals_test.go:TestPlanRefuses",
	"not-code": "engine/refusals_test.go:TestPlanRefuses", "nothing-done": "cmd/carectl/unprivileged_test.go:TestAllNothing",
	"nothing-to-recover": "engine/refusals_test.go:TestRecoverNothing", "object-changed": "engine/inspect/object_test.go:TestLoadSeesAnotherFile",
	"permission": "engine/trace/refuse_test.go:TestCauses", "resolver-failed": "engine/refusals_test.go:TestImportRefused",
	"rseq": "engine/trace/refuse_test.go:TestRestartableSequence", "seccomp": "engine/trace/refuse_test.go:TestCauses",
	"shared-memory": "engine/stack_test.go:TestSharedMemory", "signals": "engine/trace/refuse_test.go:TestCauses",
	"stack-unreadable": "engine/refusals_test.go:TestStackUnreadable", "thread-does-not-stop": "engine/stack_test.go:TestVfork",
	"tls-import": "engine/refusals_test.go:TestImportRefused", "traced": "cmd/carectl/carectl_test.go:TestTraced",
	"no-unwinder": "internal/test/endtoend/cxx_test.go:TestUnwinderRefuses", "unwinder-busy": "internal/test/endtoend/cxx_test.go:TestUnwinderRefuses",
	"unresolved": "engine/refusals_test.go:TestImportRefused", "wrong-build": "engine/refusals_test.go:TestPlanRefuses",
	"over-patch": "engine/over_test.go:TestOverPatch", "unresponsive": "cmd/carectl/unresponsive_test.go:TestUnresponsive",
	"compiled-apart": "internal/test/endtoend/apart_test.go:TestCompiledApart", "privileged-program": "cmd/carectl/start_test.go:TestRunUnprivileged",
	"cve-unknown": "cmd/carectl/info_test.go:TestInfoByCVE", "may-unload": "cmd/carectl/unloaded_test.go:TestImportThatMayGo",
	"name-taken":     "internal/test/endtoend/shown_test.go:TestNameTaken",
	"wrong-build-id": "engine/refusals_test.go:TestPatchFiles", "zombie": "engine/inspect/inspect_test.go:TestReadRefuses",
}

// A code that nothing makes happen may be one that nothing can: each code of the register has an archive, a pair of golden
// files or a test.
func TestEveryCodeIsTested(t *testing.T) {
	archives := map[fault.Code]bool{}
	for _, r := range refusals(t) {
		archives[r.Code] = true
	}
	for _, r := range fault.Reasons() {
		pair, isPair := goldenPairs[r.Code]
		test, isTest := codeTests[r.Code]
		switch {
		case isPair:
			checkPair(t, r.Code, pair)
		case isTest:
			checkTest(t, r.Code, test)
		case !archives[r.Code]:
			t.Errorf("%s: no archive in testdata/refusals, no golden pair, no test", r.Code)
		}
	}
	for _, code := range slices.Concat(keys(archives), keys(goldenPairs), keys(codeTests)) {
		if _, ok := fault.Lookup(code); !ok {
			t.Errorf("%s: tested, and not in the register", code)
		}
	}
}

func keys[V any](m map[fault.Code]V) (list []fault.Code) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

// Each code of the register is one that some source refuses with, and each that a source refuses with is in the register.
func TestEveryCodeIsUsed(t *testing.T) {
	used := sourceCodes(t)
	for _, r := range fault.Reasons() {
		if !used[r.Code] {
			t.Errorf("%s is in the register, and no source uses it", r.Code)
		}
	}
	for code := range used {
		if _, ok := fault.Lookup(code); !ok {
			t.Errorf("%s is used, and not in the register", code)
		}
	}
}

// codeUse finds what stands where a reason code does: the first argument of a refusal, a field or variable of that name, the
// first of several results.
var codeUse = regexp.MustCompile(`(?:[rR]efuse\(|\.problem\(|\b[cC]ode(?::| =) *)(?:"([a-z0-9-]+)"|fault\.(\w+))` +
	`|\breturn (?:"([a-z]+(?:-[a-z]+)+)"|fault\.(\w+)), "`)

// sourceCodes returns the reason codes that sources use, as literals or by their constants.
func sourceCodes(t *testing.T) map[fault.Code]bool {
	t.Helper()
	root := testkit.Root(t)
	constants := codeConstants(t)
	codes := map[fault.Code]bool{}
	for _, name := range files(t, root) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/fault/") {
			continue
		}
		for _, m := range codeUse.FindAllStringSubmatch(readFile(t, filepath.Join(root, name)), -1) {
			if code, ok := constants[m[2]+m[4]]; ok {
				codes[code] = true
			} else if m[1]+m[3] != "" {
				codes[fault.Code(m[1]+m[3])] = true
			}
		}
	}
	delete(codes, "failed") // the code of errors without one
	return codes
}

// codeConstants maps the names of the constants to the codes.
func codeConstants(t *testing.T) map[string]fault.Code {
	t.Helper()
	source := readFile(t, filepath.Join(testkit.Root(t), "internal", "fault", "codes.go"))
	constants := map[string]fault.Code{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) +Code = "([a-z0-9-]+)"$`).FindAllStringSubmatch(source, -1) {
		constants[m[1]] = fault.Code(m[2])
	}
	if len(constants) != len(fault.Reasons()) {
		t.Errorf("%d constants for %d codes", len(constants), len(fault.Reasons()))
	}
	return constants
}

// checkPair looks at golden files: the first is refused with a code, the second gives assembly.
func checkPair(t *testing.T, code fault.Code, pair [2]string) {
	t.Helper()
	dir := filepath.Join(testkit.Root(t), "diffasm", "testdata")
	refused := readFile(t, filepath.Join(dir, pair[0]+".txtar"))
	if _, errors, _ := strings.Cut(refused, "-- want.err --\n"); !regexp.MustCompile(`(?m)^` + string(code) + `: `).MatchString(errors) {
		t.Errorf("%s: %s.txtar is not refused with it", code, pair[0])
	}
	if !strings.Contains(readFile(t, filepath.Join(dir, pair[1]+".txtar")), "\n-- want.s --\n") {
		t.Errorf("%s: %s.txtar gives no patch", code, pair[1])
	}
}

// checkTest looks whether a test is there and its file names the code.
func checkTest(t *testing.T, code fault.Code, test string) {
	t.Helper()
	file, function, _ := strings.Cut(test, ":")
	data, err := os.ReadFile(filepath.Join(testkit.Root(t), file))
	if err != nil {
		t.Errorf("%s: %v", code, err)
		return
	}
	text := string(data)
	if function != "" && !strings.Contains(text, "\nfunc "+function+"(t *testing.T) {\n") {
		t.Errorf("%s: %s has no %s", code, file, function)
	}
	if !strings.Contains(text, `"`+string(code)+`"`) {
		t.Errorf("%s: %s does not name it", code, file)
	}
}
