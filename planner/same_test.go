package planner

import "testing"

func TestHasAll(t *testing.T) {
	for _, tt := range []struct {
		name         string
		list, wanted []string
		want         bool
	}{
		{"more", []string{"a", "b", "a"}, []string{"a", "a"}, true},
		{"one less", []string{"a", "b"}, []string{"a", "a"}, false},
		{"another one", []string{"a"}, []string{"b"}, false},
		{"nothing", nil, nil, true},
	} {
		if got := HasAll(tt.list, tt.wanted); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
