package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"gocare/internal/version"
)

func TestVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"patchmake", "--version"}, strings.NewReader(""), &stdout, &stderr)
	if want := "patchmake version " + version.String + "\n"; code != 0 || stdout.String() != want || stderr.Len() != 0 {
		t.Errorf("exit %d, %q, %q; want 0, %q and nothing", code, stdout.String(), stderr.String(), want)
	}
}
