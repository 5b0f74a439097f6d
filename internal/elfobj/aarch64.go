package elfobj

import "debug/elf"

// Numbers of program properties (ELF for the Arm 64-bit Architecture, section 7).
const (
	notePropertyType   = 5 // NT_GNU_PROPERTY_TYPE_0
	propertyFeatures   = 0xc0000000
	featureBranchCheck = 1
	featureReturnCheck = 4
)

// ChecksBranches reports whether a file says that the processor shall check where its indirect calls lead (BTI).
func (f *File) ChecksBranches() bool { return f.hasFeature(featureBranchCheck) }

// ChecksReturns reports whether a file says that the processor may check where its functions return to (GCS).
func (f *File) ChecksReturns() bool { return f.hasFeature(featureReturnCheck) }

func (f *File) hasFeature(feature uint32) bool {
	if f.Machine != elf.EM_AARCH64 {
		return false
	}
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Type == elf.SHT_NOTE && features(s.Data)&feature != 0 {
			return true
		}
	}
	for _, p := range f.Segments {
		if data, err := slice(f.raw, p.Offset, p.Filesz); p.Type == elf.PT_NOTE && err == nil && features(data)&feature != 0 {
			return true
		}
	}
	return false
}

// features walks notes, and the properties (type, size, value; padded to 8 bytes) of those that have some.
func features(data []byte) uint32 {
	for len(data) >= 16 {
		size := uint64(order.Uint32(data[4:]))
		if order.Uint32(data) != 4 || size > uint64(len(data)-16) {
			return 0
		}
		if desc := data[16 : 16+size]; order.Uint32(data[8:]) == notePropertyType {
			for len(desc) >= 12 {
				if order.Uint32(desc) == propertyFeatures {
					return order.Uint32(desc[8:])
				}
				desc = desc[min(8+(uint64(order.Uint32(desc[4:]))+7)&^7, uint64(len(desc))):]
			}
		}
		data = data[min(16+(size+7)&^7, uint64(len(data))):]
	}
	return 0
}
