package buildtree

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

func TestLoose(t *testing.T) {
	s := newStore(t)
	for _, text := range []string{"", "x", asmText(1), string(bytes.Repeat([]byte("\t.long 0x12\n"), 100_000))} {
		d, err := s.PutAssembly([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Blob(d); err != nil || string(got) != text {
			t.Errorf("of %d bytes came %d, %v", len(text), len(got), err)
		}
	}
}

// What an older version left loose is a frame of zstd.
func TestLooseOlder(t *testing.T) {
	s := newStore(t)
	d, err := s.PutAssembly([]byte(asmText(1)))
	if err != nil {
		t.Fatal(err)
	}
	frame, err := compress([]byte(asmText(1)), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.loosePath(d), frame, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Blob(d); err != nil || string(got) != asmText(1) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestLooseDamaged(t *testing.T) {
	packed, err := packLoose([]byte(asmText(1)))
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut":       packed[:len(packed)-9],
		"no block":  packed[:len(looseMagic)],
		"endless":   append(binary.AppendUvarint([]byte(looseMagic), maxLoose+1), packed...),
		"no length": append([]byte(looseMagic), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			if text, err := unpackLoose(damaged); err == nil || text != nil {
				t.Errorf("no error, %d bytes", len(text))
			}
		})
	}
}
