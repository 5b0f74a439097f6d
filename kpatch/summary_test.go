package kpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummary(t *testing.T) {
	for name, tt := range map[string]struct {
		patch *Patch
		want  string
	}{
		"one function and metadata": {described(patchOne()), `Patch id: 0001
Build id: 00112233445566778899aabbccddeeff00112233
Build time: 2023-11-14T22:13:20Z
Description: CVE-1
Fixes: CVE-2026-1234, CVE-2026-5678
Made by: gocare 0
Compiler: cc 1
Target: foo
Addresses: unproved against this BuildID
Source patch: fix.patch (sha256 01)
Unit: f.c
Replaces: f at 0x1080, 11 bytes, sha256 001122334455 (edit)
Waits for: g at 0x1090, 3 bytes, sha256 short (gone)
Functions: 1
  f: 0x10c0, 11 bytes -> .kpatch.text+0x0, 6 bytes
Imports: 0
Relocations: 0`},
		"imports and relocations": {patchImports(), `Patch id: 0001
Build id: 00112233445566778899aabbccddeeff00112233
Build time: 2023-11-14T22:13:20Z
Functions: 2
  f: 0x10c0, 11 bytes -> .kpatch.text+0x0, 5 bytes
  g: new, .kpatch.text+0x10, 13 bytes
Imports: 2
  puts
  environ
Relocations: 4
  .kpatch.text+0x18        R_X86_64_PC32    puts-0x4
  .kpatch.text+0x1         R_X86_64_PC32    .text+0x1c
  .kpatch.text+0x13        R_X86_64_PC32    environ+0x4
  .kpatch.data+0x8         R_X86_64_64      .text+0x80`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Summarize(tt.patch).String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func described(p *Patch) *Patch {
	p.Meta = &Meta{
		Tool: "gocare 0", Compiler: "cc 1", Target: "foo", Description: "CVE-1", CVEs: []string{"CVE-2026-1234", "CVE-2026-5678"}, Unproved: true,
		Sources: []SourceFile{{Name: "fix.patch", SHA256: "01"}}, Units: []UnitInfo{{Source: "f.c"}},
		Parts: []Part{
			{Function: "f", Name: "f", Addr: 0x1080, Size: 11, SHA256: "00112233445566778899", Reason: "edit"},
			{Function: "g", Name: "g", Addr: 0x1090, Size: 3, SHA256: "short", Reason: "gone", Gone: true},
		},
	}
	return p
}
