package inspect

import "testing"

// FuzzParseStatus: what stands in /proc/PID/stat and status gives a status or an error, whatever the process calls itself.
func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("1 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 33 1 2 3 4 5 140000 0 0"), []byte("State:\tS (sleeping)\nTgid:\t7\nUid:\t1\t2\t3\t4\nTracerPid:\t9\n"))
	f.Fuzz(func(t *testing.T, stat, status []byte) {
		s := parseStatus(status)
		if err := parseStat(stat, &s); err == nil && len(s.Comm) > len(stat) {
			t.Errorf("name %q", s.Comm)
		}
	})
}
