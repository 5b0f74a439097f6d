package isolate

import "testing"

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		name, path, dir string
		want            bool
	}{
		{"itself", "/a/b", "/a/b", true},
		{"below", "/a/b/c", "/a/b", true},
		{"above", "/a", "/a/b", false},
		{"beside, with a name that begins the same", "/a/bc", "/a/b", false},
		{"a name with two dots", "/a/..b", "/a", true},
		{"the root holds all", "/a", "/", true},
		{"the root is in nothing else", "/", "/a", false},
		{"not cleaned", "/a/b/../c", "/a/b", false},
		{"a relative path", "b", "/a", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Within(tt.path, tt.dir); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
