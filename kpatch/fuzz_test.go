package kpatch

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode checks that hostile bytes give a patch or an error, and that what decodes as ours encodes stably.
func FuzzDecode(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.kpatch")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 0, byte(0))
		if filepath.Base(path) != "foreign.kpatch" {
			f.Add(foreign(withMeta(f, data)), 700, byte(1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, at int, value byte) {
		if at >= 0 && at < len(data) {
			data = bytes.Clone(data)
			data[at] = value
		}
		p, err := Decode(data)
		if (p == nil) == (err == nil) {
			t.Fatalf("patch %v and error %v", p, err)
		}
		if err != nil {
			return
		}
		if _, err := p.Layout(p.Machine); err != nil {
			return
		}
		once, err := Encode(p)
		if err != nil {
			return
		}
		q, err := Decode(once)
		if err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
		if twice, err := Encode(q); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("encoding is not stable: %v", err)
		}
	})
}

// withMeta returns the file with metadata, which foreign renames.
func withMeta(t testing.TB, data []byte) []byte {
	p := mustDecode(t, data)
	p.Meta = &Meta{}
	return mustEncode(t, p)
}
