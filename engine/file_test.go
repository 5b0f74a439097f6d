package engine

import (
	"crypto/sha256"
	"os"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
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
