package engine

import (
	"crypto/sha256"
	"os"
	"strings"
	"testing"

	"gocare/engine/inspect"
	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/kpatch"
)

// TestLoadFileReadsOnce: the bytes that were checked are the patch, whatever becomes of the file; nothing is made of bytes that were
// refused.
func TestLoadFileReadsOnce(t *testing.T) {
	program := testkit.CCText(t, "int value(int x) { return x; } int main(void) { return value(0); }", []string{"-O0"})
	path := handpatch.Build(t, handpatch.Spec{Program: program, Source: "int value(int x) { return x + 1; }"})
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := LoadFile(path, func(path string, data []byte) error { return os.WriteFile(path, []byte("another"), 0o644) })
	if err != nil || f.Digest != sha256.Sum256(content) {
		t.Errorf("not what was checked: %v", err)
	}
	_, err = LoadFile(path, func(string, []byte) error { return fault.Refuse(fault.Unsigned, path, "has none") })
	wantCode(t, err, "unsigned")
}

// TestNotApplicableNamesWhatWasMeant: the hint tells the BuildID of the library that the patch was made for, in another version; the executable's
// where there is none of that name.
func TestNotApplicableNamesWhatWasMeant(t *testing.T) {
	p := &inspect.Process{Objects: []inspect.Object{
		{Name: "daemon", BuildID: "aa", Main: true}, {Name: "libc.so.6", BuildID: "bb"}, {Name: "libtiff.so.6.0.0", BuildID: "cc"},
	}}
	for _, tt := range []struct {
		name string
		meta *kpatch.Meta
		want string
	}{
		{"a library", &kpatch.Meta{Target: "usr/lib/libtiff.so.6.0.0"}, "libtiff.so.6.0.0 has cc"},
		{"one that is not loaded", &kpatch.Meta{Target: "usr/lib/libpng16.so.16"}, "daemon has aa"},
		{"the executable", &kpatch.Meta{Target: "usr/sbin/daemon"}, "daemon has aa"},
		{"of another tool", nil, "daemon has aa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &Library{files: []*File{{Path: "fix.kpatch", Patch: &kpatch.Patch{BuildID: "dd", Meta: tt.meta}}}}
			e := fault.As(l.NotApplicable(p))
			if want := "fix.kpatch is for BuildID dd; " + tt.want; e == nil || !strings.HasSuffix(e.Hint, want) {
				t.Errorf("got %+v, want the hint %q", e, want)
			}
		})
	}
}
