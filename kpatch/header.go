package kpatch

import (
	"encoding/binary"
	"strings"

	"gocare/internal/elfobj"
	"gocare/internal/fault"
)

// Offsets in the header that others than this package need.
const (
	// StateOffset and StateSize are the place in a mapped header where the apply side may keep its own state: the
	// padding behind srcversion, which LibcarePlus neither reads nor checks.
	StateOffset = 280
	StateSize   = HeaderSize - StateOffset

	// StateMagic begins the state of a region of ours.
	StateMagic = "GOCARE\x00\x01"

	// StateHooks is where the state says what hooks the patch has: 4 bytes, 1 for far ones, else 0.
	StateHooks = StateOffset + 92
)

const (
	maxIDLen      = 7  // the field is 8 bytes with its NUL
	maxBuildIDLen = 40 // hex digits; the field is 41 bytes with its NUL
)

var order = binary.LittleEndian

// Header is the fixed header of a file or, with the run-time fields filled, of a patch mapped in a process.
type Header struct {
	ID           string
	Flags        uint8
	SafetyMethod uint8
	BuildID      string
	BuildTime    uint64 // seconds since 1970
	Csum         uint32 // always 0
	NrReloc      uint32 // always 0
	KpatchOffset uint32 // of the ELF object in the file; HeaderSize
	RelOffset    uint32 // HeaderSize
	TotalSize    uint32 // HeaderSize + the padded ELF object

	// Run time only, 0 in a file. Offsets count from the start of the mapped patch.
	JmpOffset   uint32 // jump table, 0 if there is none
	ElfOffset   uint32 // ELF object
	TotalMemory uint64 // bytes mapped
	UserUndo    uint32 // saved original code
	UserInfo    uint32 // .kpatch.info
	UserLevel   uint32 // unused
}

// FarHooks reports whether the header of a mapped patch says that its hooks are far.
func FarHooks(header []byte) bool {
	return len(header) >= HeaderSize && string(header[StateOffset:][:len(StateMagic)]) == StateMagic && order.Uint32(header[StateHooks:]) == 1
}

// Encode returns the HeaderSize bytes of the header.
func (h *Header) Encode() []byte {
	b := make([]byte, HeaderSize)
	copy(b, Magic)
	copy(b[8:8+maxIDLen], h.ID)
	b[16], b[17] = h.Flags, h.SafetyMethod
	copy(b[88:88+maxBuildIDLen], h.BuildID)
	order.PutUint64(b[136:], h.BuildTime)
	order.PutUint32(b[144:], h.Csum)
	order.PutUint32(b[148:], h.NrReloc)
	order.PutUint32(b[152:], h.KpatchOffset)
	order.PutUint32(b[156:], h.RelOffset)
	order.PutUint32(b[160:], h.TotalSize)
	order.PutUint32(b[164:], h.JmpOffset)
	order.PutUint32(b[168:], h.ElfOffset)
	order.PutUint64(b[176:], h.TotalMemory)
	order.PutUint32(b[184:], h.UserUndo)
	order.PutUint32(b[188:], h.UserInfo)
	order.PutUint32(b[192:], h.UserLevel)
	return b
}

// ReadHeader reads the fields of the HeaderSize bytes of a header as they stand: whatever they hold. A text without an end is all
// of its field.
func ReadHeader(b []byte) Header {
	return Header{
		ID:           cString(b[8 : 8+maxIDLen+1]),
		Flags:        b[16],
		SafetyMethod: b[17],
		BuildID:      cString(b[88 : 88+maxBuildIDLen+1]),
		BuildTime:    order.Uint64(b[136:]),
		Csum:         order.Uint32(b[144:]),
		NrReloc:      order.Uint32(b[148:]),
		KpatchOffset: order.Uint32(b[152:]),
		RelOffset:    order.Uint32(b[156:]),
		TotalSize:    order.Uint32(b[160:]),
		JmpOffset:    order.Uint32(b[164:]),
		ElfOffset:    order.Uint32(b[168:]),
		TotalMemory:  order.Uint64(b[176:]),
		UserUndo:     order.Uint32(b[184:]),
		UserInfo:     order.Uint32(b[188:]),
		UserLevel:    order.Uint32(b[192:]),
	}
}

// decodeHeader reads the header at the start of a file or of a mapped patch. It checks magic, id and build ID; what the
// offsets must be depends on where the header stands.
func decodeHeader(b []byte) (Header, error) {
	if err := checkMagic(b); err != nil {
		return Header{}, err
	}
	h := ReadHeader(b)
	if len(h.ID) > maxIDLen {
		return Header{}, fault.Refuse(fault.BadID, "header", "patch id without an end")
	}
	if err := ValidID(h.ID); err != nil {
		return Header{}, err
	}
	if len(h.BuildID) > maxBuildIDLen {
		return Header{}, fault.Refuse(fault.FormatBuildID, "header", "build ID is longer than %d bytes", maxBuildIDLen/2)
	}
	if err := validBuildID(h.BuildID); err != nil {
		return Header{}, err
	}
	return h, nil
}

func checkMagic(b []byte) error {
	if !strings.HasPrefix(Magic, string(b[:min(len(b), len(Magic))])) {
		what := "no patch file: the magic KPATCH1 is missing"
		if elfobj.IsELF(b) {
			what = "an ELF file, no patch file"
		}
		return fault.Refuse(fault.FormatForeign, "header", "%s", what)
	}
	if len(b) < HeaderSize {
		return fault.Refuse(fault.FormatTruncated, "header", "file ends after %d of %d bytes", len(b), HeaderSize)
	}
	return nil
}

// cString returns the bytes before the first NUL, else all.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// ValidID reports why id is no patch id: 1 to 7 bytes of [A-Za-z0-9._-].
func ValidID(id string) error {
	const hint = "use 1 to 7 of the characters A-Z a-z 0-9 . _ -"
	if id == "" {
		return fault.Refuse(fault.BadID, "", "empty patch id").WithHint(hint)
	}
	if len(id) > maxIDLen {
		return fault.Refuse(fault.BadID, "", "patch id %q is longer than %d bytes", id, maxIDLen).WithHint(hint)
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) && !strings.ContainsRune("._-", rune(c)) {
			return fault.Refuse(fault.BadID, "", "patch id %q: character %q is not allowed", id, c).WithHint(hint)
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// validBuildID reports why id is not the lower-case hex of 1 to 20 bytes.
func validBuildID(id string) error {
	const code, where = fault.FormatBuildID, "header"
	if id == "" {
		return fault.Refuse(code, where, "no build ID").WithHint("link the original with --build-id")
	}
	if len(id) > maxBuildIDLen {
		return fault.Refuse(code, where, "build ID %s is longer than %d bytes", id, maxBuildIDLen/2).
			WithHint("link the original with --build-id=sha1")
	}
	if len(id)%2 != 0 || strings.Trim(id, "0123456789abcdef") != "" {
		return fault.Refuse(code, where, "build ID %q is not lower-case hex", id)
	}
	return nil
}
