package elfobj

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// compressed is a section of 100 bytes 'a', made smaller by a method; size is what its header says of them.
func compressed(t *testing.T, method elf.CompressionType, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	header := make([]byte, chdrSize)
	order.PutUint32(header, uint32(method))
	order.PutUint64(header[8:], size)
	b.Write(header)
	plain := bytes.Repeat([]byte{'a'}, 100)
	if method == elf.COMPRESS_ZSTD {
		w, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(plain, b.Bytes())
	}
	w := zlib.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.Bytes()
}

// TestContents: debug sections are read as they were before -gz.
func TestContents(t *testing.T) {
	gnu := func(size uint64) []byte {
		head := binary.BigEndian.AppendUint64([]byte(gnuMagic), size)
		return append(head, compressed(t, elf.COMPRESS_ZLIB, 0)[chdrSize:]...)
	}
	section := func(data []byte) Section { return Section{Name: ".debug_info", Flags: elf.SHF_COMPRESSED, Data: data} }
	for _, tt := range []struct {
		name string
		s    Section
		err  string
	}{
		{"as it is", Section{Name: ".debug_info", Data: bytes.Repeat([]byte{'a'}, 100)}, ""},
		{"zlib", section(compressed(t, elf.COMPRESS_ZLIB, 100)), ""},
		{"zstd", section(compressed(t, elf.COMPRESS_ZSTD, 100)), ""},
		{"the old way of GNU", Section{Name: ".zdebug_info", Data: gnu(100)}, ""},
		{"another method", section(compressed(t, 77, 100)), "which is not known"},
		{"fewer bytes than said", section(compressed(t, elf.COMPRESS_ZLIB, 101)), "not 101 bytes"},
		{"more bytes than said", section(compressed(t, elf.COMPRESS_ZSTD, 99)), "not 99 bytes"},
		{"old, fewer bytes", Section{Name: ".zdebug_info", Data: gnu(101)}, "not 101 bytes"},
		{"more than can be", section(compressed(t, elf.COMPRESS_ZLIB, 1<<50)), "bytes out of"},
		{"cut off", section(compressed(t, elf.COMPRESS_ZLIB, 100)[:30]), "unexpected EOF"},
		{"no header", section(make([]byte, 23)), "without a header"},
		{"old, no header", Section{Name: ".zdebug_info", Data: []byte("ZLIX12345678")}, "without a header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := contents(&tt.s)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || string(got) != strings.Repeat("a", 100) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
