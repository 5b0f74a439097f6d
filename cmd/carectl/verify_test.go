package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/internal/trust"
)

// TestVerifyCommand: each file is named with who signed it or why it is refused, and one that is refused decides the exit status.
func TestVerifyCommand(t *testing.T) {
	s := newSite(t, "require-signature no\n")
	program := testkit.CCText(t, hello, []string{"-O0"})
	good := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	sign(t, s.key, good)
	dir := t.TempDir()
	file := func(name string, edit func(path string)) string {
		data, err := os.ReadFile(good)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		testkit.WriteFile(t, path, string(data))
		edit(path)
		return path
	}
	other := s.newKey(t, "")
	otherKey := filepath.Join(dir, "other.pub")
	testkit.WriteFile(t, otherKey, publicText(t, other))
	bare := file("unsigned", func(string) {})
	foreign := file("foreign", func(path string) { sign(t, other, path) })
	junk := file("junk", func(path string) {
		testkit.WriteFile(t, path, "no patch")
		sign(t, s.key, path)
	})
	empty := t.TempDir()
	for _, tt := range []struct {
		name  string
		args  []string
		exit  int
		codes []string // by file, "" for one that is good; nil: no file was reached
		say   string
	}{
		{"good", []string{good}, 0, []string{""}, ": patch 0001 for BuildID "},
		{"in a directory", []string{filepath.Dir(good)}, 0, []string{""}, "timestamp:1 file:x"},
		{"unsigned, though none is required", []string{bare}, 1, []string{"unsigned"}, "unsigned.minisig"},
		{"of another key", []string{foreign}, 1, []string{"unknown-key"}, s.dir},
		{"with that key", []string{"--key", otherKey, foreign}, 0, []string{""}, trust.KeyID(other.ID())},
		{"with that key alone", []string{"--key", otherKey, good}, 1, []string{"unknown-key"}, "not with the one given"},
		{"all are looked at", []string{bare, good, foreign}, 1, []string{"unsigned", "", "unknown-key"}, ""},
		{"signed, and no patch", []string{junk}, 1, []string{"format-foreign"}, ""},
		{"no file", []string{filepath.Join(dir, "none")}, 1, []string{"no-patch-file"}, ""},
		{"empty directory", []string{empty}, 1, nil, "has no patch"},
		{"nothing", nil, 2, nil, "no patch given"},
		{"no key", []string{"--key", filepath.Join(dir, "none"), good}, 1, nil, "cannot read the key"},
		{"a key that is none", []string{"--key", good, good}, 1, nil, "is no public key"},
		{"an option of patch", []string{"--require-signature", good}, 2, nil, "unknown option"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := carectl(t, append([]string{"verify"}, tt.args...)...)
			if r.exit != tt.exit || !strings.Contains(r.out+r.errs, tt.say) {
				t.Errorf("exit %d, want %d; no %q", r.exit, tt.exit, tt.say)
			}
			j := carectl(t, append([]string{"verify", "--json"}, tt.args...)...)
			var d struct {
				Files []struct{ Error *struct{ Code string } }
				Error *struct{ Code string }
			}
			if err := json.Unmarshal([]byte(j.out), &d); err != nil || (d.Error == nil) != (tt.exit == 0) || len(d.Files) != len(tt.codes) {
				t.Fatalf("%v: %s", err, j.out)
			}
			for i, f := range d.Files {
				if got := f.Error; got == nil && tt.codes[i] != "" || got != nil && got.Code != tt.codes[i] {
					t.Errorf("file %d: %+v, want %q", i, got, tt.codes[i])
				}
			}
		})
	}
}

// TestBrokenPolicyHoldsNobodyUp: a patch can be looked at and removed whatever the policy says.
func TestBrokenPolicyHoldsNobodyUp(t *testing.T) {
	g := start(t)
	carectl(t, "patch", "-p", g.pid, g.patch).want(t, 0, "1 patch hunk(s) have been successfully applied to PID '"+g.pid+"'\n")
	newSite(t, "nonsense\n")
	if r := carectl(t, "info", "-p", g.pid); r.exit != 0 || !strings.Contains(r.out, "0001") {
		t.Errorf("info: exit %d", r.exit)
	}
	carectl(t, "unpatch", "-p", g.pid, "-i", "0001").want(t, 0, "1 patch hunk(s) were successfully cancelled from PID '"+g.pid+"'\n")
	if r := carectl(t, "recover", "-p", g.pid, "--json"); code(r.out) != "nothing-to-recover" {
		t.Errorf("recover: %s", r.out)
	}
	if r := carectl(t, "patch", "-p", g.pid, "--json", g.patch); code(r.out) != "bad-policy" {
		t.Errorf("patch: %s", r.out)
	}
}
