package wrapper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// TestRealCompiler: what is a carecc, and what leads back to it, is passed over.
func TestRealCompiler(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"script/gcc", "real/gcc", "real/other"} {
		testkit.WriteFile(t, filepath.Join(dir, name), "#!/bin/sh\n")
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(dir, "self")
	testkit.WriteFile(t, filepath.Join(self, "gcc"), "ours")
	if err := os.Chmod(filepath.Join(self, "gcc"), 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(names ...string) string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return strings.Join(names, ":")
	}
	script := at("script/gcc")
	for _, tt := range []struct {
		name, path, real, handed string
		want                     string
	}{
		{"the first in PATH", at("script", "real"), "", "", script},
		{"carecc itself", at("self", "real"), "", "", at("real/gcc")},
		{"named", at("script"), at("real/other"), "", at("real/other")},
		{"named, and carecc itself", at("real"), at("self/gcc"), "", at("real/gcc")},
		{"called before", at("script", "real"), "", script, script},
		{"leads back", at("script", "real"), "", strings.Repeat(script+":", maxRounds), at("real/gcc")},
		{"named, and leads back", at("real"), script, strings.Repeat(script+":", maxRounds), at("real/gcc")},
		{"nothing is left", at("script"), "", strings.Repeat(script+":", maxRounds), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Process{Env: []string{"PATH=" + tt.path, "KPCCREAL=" + tt.real, handedTo + "=" + tt.handed}, Exe: filepath.Join(self, "gcc")}
			got, err := p.realCompiler(false)
			if got.path != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got.path, err, tt.want)
			}
		})
	}
}
