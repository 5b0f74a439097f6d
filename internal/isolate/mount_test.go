package isolate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseMounts(t *testing.T) {
	got := parseMounts("22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n" +
		"30 22 0:25 / /a\\040b\\134c ro,nosuid,nodev,noexec - tmpfs tmpfs rw\nshort line\n")
	want := []mountPoint{
		{"/", unix.MS_RELATIME},
		{`/a b\c`, unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mountPoint{})); d != "" {
		t.Error(d)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add("30 22 0:25 / /a\\040b ro - tmpfs tmpfs rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if len(m.point) > len(text) {
				t.Error(m)
			}
		}
	})
}
