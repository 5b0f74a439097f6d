package kpatch

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gocare/internal/kpname"
	"gocare/internal/test/testkit"
)

// TestDocumentNamesEverything checks that doc/FORMAT.md has every section, metadata field and reason code.
func TestDocumentNamesEverything(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "doc", "FORMAT.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		kpname.Text, kpname.Rodata, kpname.Data, kpname.Info, kpname.Strtab, kpname.Unwind, kpname.Meta, kpname.Digest,
		"format-foreign", "format-truncated", "format-corrupt", "format-machine", "format-build-id", "bad-id",
	}
	for _, v := range []any{Meta{}, Part{}, SourceFile{}, UnitInfo{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !strings.Contains(string(text), name) {
			t.Errorf("%s is not described", name)
		}
	}
}
