package buildtree

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestAssembly(t *testing.T) {
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&long, "\t.loc 1 %d 5 view .LVU%d\n.LVL%d:\n\t.uleb128 .LVU%d-.Ltext0\n\t.long\t0x%x\n\t.string\t\"name_%d\"\n", i/3, i, i, i+7, i*37%4096, i%900)
	}
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"one line without an end", "\tret"},
		{"empty lines", "\n\n\nf:\n\n"},
		{"numbers as they are not written by us", "a 007 0x00ff 0xFF 0x 0xg 123456789012345678901234567890 0xfffffffffffffffff 1e5 -0 18446744073709551615\n"},
		{"numbers in names", "f2b_3: movl $0x1f, -8(%r12)\n"},
		{"quoted", "\t.string \"a \\\"1\\\" 0x2\"\n\t.section .data.rel.local,\"aw\"\n"},
		{"carriage returns", "a 1\r\nb 2\r\n"},
		{"marks in the text", "a\x01b\x02\x03\n"},
		{"zeros", "\x00\n\x00"},
		{"bytes beyond ASCII", "\xff\xfe 12 \xe4\n"},
		{"long", long.String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(t)
			d, err := s.PutAssembly([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Blob(d); err != nil || string(got) != tt.text {
				t.Fatalf("%q, %v", got, err)
			}
			for range 2 { // the second time with the first one's dictionary
				packed, err := s.packAssembly([]byte(tt.text))
				if strings.HasPrefix(tt.name, "marks") || strings.HasPrefix(tt.name, "zeros") {
					if err == nil {
						t.Error("it was taken apart")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, err := s.unpackAssembly(packed); err != nil || string(got) != tt.text {
					t.Fatalf("%q, %v", got, err)
				}
			}
		})
	}
}

// TestAssemblyIsSmall: what is alike but for counting numbers takes a fraction of what it takes as text.
func TestAssemblyIsSmall(t *testing.T) {
	var text bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&text, ".LVL%d:\n\t.loc 1 %d 3 is_stmt 1 view .LVU%d\n\tmovl\t$%d, %%eax\n", i, 100+i/2, i, i%64)
	}
	s := newStore(t)
	plain, err := compress(text.Bytes(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := s.packAssembly(text.Bytes())
	if err != nil || len(packed)*10 > len(plain) {
		t.Errorf("%d bytes, as text %d, %v", len(packed), len(plain), err)
	}
}

func FuzzAssembly(f *testing.F) {
	f.Add([]byte("\t.long 0x12\n.LVL3:\n\t.string \"x\"\n"))
	f.Add([]byte("01 0x0 9999999999999999999\n\r\n"))
	s := &Store{dir: f.TempDir()}
	f.Fuzz(func(t *testing.T, text []byte) {
		packed, err := s.packAssembly(text)
		if err != nil {
			return
		}
		if got, err := s.unpackAssembly(packed); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}

func FuzzUnpackAssembly(f *testing.F) {
	s := &Store{dir: f.TempDir()}
	packed, err := s.packAssembly([]byte("\t.long 0x12\n.LVL3:\n\t.string \"x\"\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed[len(assemblyMagic):])
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := s.unpackAssembly(append([]byte(assemblyMagic), data...))
		if err != nil && text != nil || len(text) > maxText+len(data) {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	})
}
