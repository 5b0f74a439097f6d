package kpname

import "testing"

func TestIsCVE(t *testing.T) {
	for text, want := range map[string]bool{"CVE-2026-1234": true, "cve-2026-1234": true, "": false, "CVE-2026-1234 ": false, "2026-1234": false} {
		if IsCVE(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}
