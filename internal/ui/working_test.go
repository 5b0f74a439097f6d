package ui

import (
	"bytes"
	"testing"
	"time"
)

func TestWorkText(t *testing.T) {
	for _, tt := range []struct {
		name  string
		far   func() string
		since time.Duration
		want  string
	}{
		{"nothing known", nil, 3 * time.Second, "the build, 0:03"},
		{"nothing yet", func() string { return "" }, 0, "the build, 0:00"},
		{"units", func() string { return "3 of 9 units" }, 83 * time.Second, "the build, 3 of 9 units, 1:23"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := workText("the build", tt.far, tt.since); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDrawWork: what is drawn ends with the cursor where it was, and goes when the work ends.
func TestDrawWork(t *testing.T) {
	var out bytes.Buffer
	u := New("prog", &out, &out, Normal, false)
	u.drawWork("abc")
	u.eraseWork()
	u.eraseWork()
	if got, want := out.String(), "\x1b7\x1b[999C\x1b[3D\x1b[2m abc\x1b[0m\x1b8\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	u.Working("quick", nil)()
	if out.Len() > 0 {
		t.Errorf("%q of work that is done at once", out.String())
	}
}
