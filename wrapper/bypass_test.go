package wrapper

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

func TestCheck(t *testing.T) {
	testkit.Require(t, "gcc")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	env := append(os.Environ(), Env(exe, t.TempDir(), "original")...)
	if err := Check(context.Background(), "gcc", exe, nil, env); err != nil {
		t.Errorf("plain gcc: %v", err)
	}
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "as"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	err = Check(context.Background(), "gcc", exe, []string{"-B" + own}, env)
	if f := fault.As(err); f == nil || f.Code != "compiler-bypasses" || f.Hint == "" {
		t.Errorf("gcc -B: %v, want a refusal", err)
	}
}
