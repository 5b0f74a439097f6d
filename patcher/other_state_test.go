package patcher

import "testing"

func TestAlikeNames(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"count", "total", false},
		{"n", "n", true},
		{"n", "name", false},
		{"call_count", "count", true},
		{"callCount", "nr_calls", true},
		{"avg", "average", false},
		{"buf", "buffer", true},
		{"lastLine", "line_seen", true},
		{"HTTPPort", "address", false},
		{"__x", "x", true},
	} {
		if got := alikeNames(row.a, row.b); got != row.want {
			t.Errorf("%s and %s: %v", row.a, row.b, got)
		}
	}
}
