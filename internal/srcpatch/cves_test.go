package srcpatch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someDiff = `--- a/x.c
+++ b/x.c
@@ -1 +1 @@
-int x;
+int y; /* CVE-2000-0001 */
`

func TestCVEsOfAPatch(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{name: "none", file: "fix.patch", text: someDiff},
		{name: "in the code", file: "fix.patch", text: someDiff + "-- \n2.39.5\n"},
		{name: "file name", file: "CVE-2026-1234.patch", text: someDiff, want: []string{"CVE-2026-1234"}},
		{name: "file name, small letters", file: "/d/cve-2026-1234_2.patch", text: someDiff, want: []string{"CVE-2026-1234"}},
		{name: "subject", file: "a", text: "Subject: [PATCH] fix it (CVE-2026-1234)\n\n" + someDiff, want: []string{"CVE-2026-1234"}},
		{
			name: "several, out of order", file: "CVE-2026-2222.diff", text: "Description: CVE-2026-2222, CVE-2026-11111\n" + someDiff,
			want: []string{"CVE-2026-11111", "CVE-2026-2222"},
		},
		{name: "between two diffs", file: "a", text: someDiff + "From 1\nBug: https://x/CVE-2026-1234\n" + someDiff, want: []string{"CVE-2026-1234"}},
		{name: "no number", file: "a", text: "CVE-2026-XXXX CVE-2026-123 CVE-26-1234\n" + someDiff},
		{name: "CR LF", file: "a", text: "CVE-2026-1234\r\n" + someDiff, want: []string{"CVE-2026-1234"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.file, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.CVEs); diff != "" {
				t.Error(diff)
			}
		})
	}
}
