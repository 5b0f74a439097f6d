package kpatch

// Offsets count from the start of the ELF object, 504 bytes into the file.

// goldenOne changes f and nothing else.
var goldenOne = []cell{
	// ELF header: ET_REL, EM_X86_64, section headers at 0x40
	{0x0, "\x7fELF\x02\x01\x01"},
	{0x10, u16(1)},
	{0x12, u16(62)},
	{0x14, u32(1)},
	{0x28, u64(0x40)},
	{0x34, u16(64)},
	{0x3a, u16(64)},
	{0x3c, u16(11)},
	{0x3e, u16(9)},
	// section headers: name, type, flags, address, offset, size, link, info, alignment, entry size
	{0x80, shdr{0x1, 8, 0x6, 0x1040, 0x0, 0x150, 0, 0, 16, 0}},   // 1 .text
	{0xc0, shdr{0x7, 1, 0x6, 0x0, 0x300, 0x10, 0, 0, 16, 0}},     // 2 .kpatch.text
	{0x100, shdr{0x14, 1, 0x3, 0x0, 0x1000, 0x8, 0, 0, 4096, 0}}, // 3 .kpatch.data
	{0x140, shdr{0x21, 1, 0x2, 0x0, 0x310, 0x48, 0, 0, 8, 0}},    // 4 .kpatch.info
	{0x180, shdr{0x2e, 1, 0x2, 0x0, 0x358, 0x2, 0, 0, 1, 0}},     // 5 .kpatch.strtab
	{0x1c0, shdr{0x3d, 4, 0x40, 0x0, 0x360, 0x48, 7, 4, 8, 24}},  // 6 .rela.kpatch.info
	{0x200, shdr{0x4f, 2, 0x0, 0x0, 0x3a8, 0x60, 8, 4, 8, 24}},   // 7 .symtab
	{0x240, shdr{0x57, 3, 0x0, 0x0, 0x408, 0x1, 0, 0, 1, 0}},     // 8 .strtab
	{0x280, shdr{0x5f, 3, 0x0, 0x0, 0x409, 0x78, 0, 0, 1, 0}},    // 9 .shstrtab
	{0x2c0, shdr{0x69, 1, 0x0, 0x0, 0x1010, 0x30, 0, 0, 16, 0}},  // 10 .kpatch.digest
	// .kpatch.text
	{0x300, "\xb8\x02\x00\x00\x00\xc3"},
	// .kpatch.info
	{0x320, u32(11)},
	{0x324, u32(6)},
	// .kpatch.strtab
	{0x358, "f"},
	// .rela.kpatch.info
	{0x360, rela{0, 1, 1, 0x80}},
	{0x378, rela{8, 1, 2, 0}},
	{0x390, rela{24, 1, 3, 0}},
	// .symtab
	{0x3c0, sym{0, 3, 1, 0, 0}},
	{0x3d8, sym{0, 3, 2, 0, 0}},
	{0x3f0, sym{0, 3, 5, 0, 0}},
	// .strtab
	// .shstrtab
	{0x40a, ".text"},
	{0x410, ".kpatch.text"},
	{0x41d, ".kpatch.data"},
	{0x42a, ".kpatch.info"},
	{0x437, ".kpatch.strtab"},
	{0x446, ".rela.kpatch.info"},
	{0x458, ".symtab"},
	{0x460, ".strtab"},
	{0x468, ".shstrtab"},
	{0x472, ".kpatch.digest"},
	// .kpatch.data
	// .kpatch.digest
	{0x1010, "gocare sha-256"},
}

const goldenOneSize = 0x1040

// goldenImports changes f, adds g, which calls puts and reads the imported variable environ through its slot, and has
// a variable that holds the address of f.
var goldenImports = []cell{
	// ELF header: ET_REL, EM_X86_64, section headers at 0x40
	{0x0, "\x7fELF\x02\x01\x01"},
	{0x10, u16(1)},
	{0x12, u16(62)},
	{0x14, u32(1)},
	{0x28, u64(0x40)},
	{0x34, u16(64)},
	{0x3a, u16(64)},
	{0x3c, u16(13)},
	{0x3e, u16(11)},
	// section headers: name, type, flags, address, offset, size, link, info, alignment, entry size
	{0x80, shdr{0x1, 8, 0x6, 0x1040, 0x0, 0x150, 0, 0, 16, 0}},    // 1 .text
	{0xc0, shdr{0x7, 1, 0x6, 0x0, 0x380, 0x30, 0, 0, 16, 0}},      // 2 .kpatch.text
	{0x100, shdr{0x14, 1, 0x3, 0x0, 0x1000, 0x10, 0, 0, 4096, 0}}, // 3 .kpatch.data
	{0x140, shdr{0x21, 1, 0x2, 0x0, 0x3b0, 0x78, 0, 0, 8, 0}},     // 4 .kpatch.info
	{0x180, shdr{0x2e, 1, 0x2, 0x0, 0x428, 0x4, 0, 0, 1, 0}},      // 5 .kpatch.strtab
	{0x1c0, shdr{0x3d, 4, 0x40, 0x0, 0x430, 0x48, 9, 2, 8, 24}},   // 6 .rela.kpatch.text
	{0x200, shdr{0x4f, 4, 0x40, 0x0, 0x478, 0x18, 9, 3, 8, 24}},   // 7 .rela.kpatch.data
	{0x240, shdr{0x61, 4, 0x40, 0x0, 0x490, 0x78, 9, 4, 8, 24}},   // 8 .rela.kpatch.info
	{0x280, shdr{0x73, 2, 0x0, 0x0, 0x508, 0x90, 10, 4, 8, 24}},   // 9 .symtab
	{0x2c0, shdr{0x7b, 3, 0x0, 0x0, 0x598, 0x1a, 0, 0, 1, 0}},     // 10 .strtab
	{0x300, shdr{0x83, 3, 0x0, 0x0, 0x5b2, 0x9c, 0, 0, 1, 0}},     // 11 .shstrtab
	{0x340, shdr{0x8d, 1, 0x0, 0x0, 0x1010, 0x30, 0, 0, 16, 0}},   // 12 .kpatch.digest
	// .kpatch.text
	{0x380, "\xe9"},
	{0x390, "\x48\x8b\x05"},
	{0x397, "\xe8"},
	{0x39c, "\xc3"},
	// .kpatch.info
	{0x3c0, u32(11)},
	{0x3c4, u32(5)},
	{0x3f4, u32(13)},
	// .kpatch.strtab
	{0x428, "f"},
	{0x42a, "g"},
	// .rela.kpatch.text
	{0x430, rela{1, 2, 1, 0x1c}},
	{0x448, rela{19, 2, 5, 4}},
	{0x460, rela{24, 2, 4, -4}},
	// .rela.kpatch.data
	{0x478, rela{8, 1, 1, 0x80}},
	// .rela.kpatch.info
	{0x490, rela{0, 1, 1, 0x80}},
	{0x4a8, rela{8, 1, 2, 0}},
	{0x4c0, rela{24, 1, 3, 0}},
	{0x4d8, rela{0x38, 1, 2, 0x10}},
	{0x4f0, rela{0x48, 1, 3, 2}},
	// .symtab
	{0x520, sym{0, 3, 1, 0, 0}},
	{0x538, sym{0, 3, 2, 0, 0}},
	{0x550, sym{0, 3, 5, 0, 0}},
	{0x568, sym{1, 0x12, 0, 0, 0}},
	{0x580, sym{18, 0x11, 0, 0, 0}},
	// .strtab
	{0x599, "puts@GLIBC_2.2.5"},
	{0x5aa, "environ"},
	// .shstrtab
	{0x5b3, ".text"},
	{0x5b9, ".kpatch.text"},
	{0x5c6, ".kpatch.data"},
	{0x5d3, ".kpatch.info"},
	{0x5e0, ".kpatch.strtab"},
	{0x5ef, ".rela.kpatch.text"},
	{0x601, ".rela.kpatch.data"},
	{0x613, ".rela.kpatch.info"},
	{0x625, ".symtab"},
	{0x62d, ".strtab"},
	{0x635, ".shstrtab"},
	{0x63f, ".kpatch.digest"},
	// .kpatch.data
	{0x1000, u64(7)},
	// .kpatch.digest
	{0x1010, "gocare sha-256"},
}

const goldenImportsSize = 0x1040

// goldenFixed is for a program at a fixed address: 32-bit addresses, constants, unwind data and metadata.
var goldenFixed = []cell{
	// ELF header: ET_REL, EM_X86_64, section headers at 0x40
	{0x0, "\x7fELF\x02\x01\x01"},
	{0x10, u16(1)},
	{0x12, u16(62)},
	{0x14, u32(1)},
	{0x28, u64(0x40)},
	{0x34, u16(64)},
	{0x3a, u16(64)},
	{0x3c, u16(18)},
	{0x3e, u16(16)},
	// section headers: name, type, flags, address, offset, size, link, info, alignment, entry size
	{0x80, shdr{0x1, 8, 0x6, 0x401040, 0x0, 0x150, 0, 0, 16, 0}}, // 1 .text
	{0xc0, shdr{0x7, 8, 0x3, 0x404000, 0x0, 0x20, 0, 0, 8, 0}},   // 2 .data
	{0x100, shdr{0xd, 1, 0x6, 0x0, 0x4c0, 0x20, 0, 0, 16, 0}},    // 3 .kpatch.text
	{0x140, shdr{0x1a, 1, 0x2, 0x0, 0x4e0, 0x18, 0, 0, 8, 0}},    // 4 .kpatch.rodata
	{0x180, shdr{0x29, 1, 0x2, 0x0, 0x4f8, 0x30, 0, 0, 8, 0}},    // 5 .kpatch.eh_frame
	{0x1c0, shdr{0x3a, 1, 0x3, 0x0, 0x1000, 0x8, 0, 0, 4096, 0}}, // 6 .kpatch.data
	{0x200, shdr{0x47, 1, 0x2, 0x0, 0x528, 0x48, 0, 0, 8, 0}},    // 7 .kpatch.info
	{0x240, shdr{0x54, 1, 0x2, 0x0, 0x570, 0x5, 0, 0, 1, 0}},     // 8 .kpatch.strtab
	{0x280, shdr{0x63, 1, 0x0, 0x0, 0x575, 0x70, 0, 0, 1, 0}},    // 9 .kpatch.meta
	{0x2c0, shdr{0x70, 4, 0x40, 0x0, 0x5e8, 0x30, 14, 3, 8, 24}}, // 10 .rela.kpatch.text
	{0x300, shdr{0x82, 4, 0x40, 0x0, 0x618, 0x18, 14, 4, 8, 24}}, // 11 .rela.kpatch.rodata
	{0x340, shdr{0x96, 4, 0x40, 0x0, 0x630, 0x18, 14, 5, 8, 24}}, // 12 .rela.kpatch.eh_frame
	{0x380, shdr{0xac, 4, 0x40, 0x0, 0x648, 0x48, 14, 7, 8, 24}}, // 13 .rela.kpatch.info
	{0x3c0, shdr{0xbe, 2, 0x0, 0x0, 0x690, 0x90, 15, 6, 8, 24}},  // 14 .symtab
	{0x400, shdr{0xc6, 3, 0x0, 0x0, 0x720, 0x1, 0, 0, 1, 0}},     // 15 .strtab
	{0x440, shdr{0xce, 3, 0x0, 0x0, 0x721, 0xe7, 0, 0, 1, 0}},    // 16 .shstrtab
	{0x480, shdr{0xd8, 1, 0x0, 0x0, 0x1010, 0x30, 0, 0, 16, 0}},  // 17 .kpatch.digest
	// .kpatch.text
	{0x4c0, "\x48\xc7\xc0"},
	{0x4c7, "\xb8"},
	{0x4cc, "\xc3"},
	// .kpatch.rodata
	{0x4f0, "hello"},
	// .kpatch.eh_frame
	{0x4f8, u32(20)},
	{0x500, "\x01zR"},
	{0x504, "\x01\x78\x10\x01\x1b"},
	{0x510, u32(20)},
	{0x514, u32(0x1c)},
	{0x51c, u32(13)},
	// .kpatch.info
	{0x538, u32(64)},
	{0x53c, u32(13)},
	// .kpatch.strtab
	{0x570, "main"},
	// .kpatch.meta

	{0x575, `{"tool":"gocare 0","description":"CVE-1","compiler":"","target":"foo","sources":null,"units":null,"parts":null}` + "\n"},
	// .rela.kpatch.text
	{0x5e8, rela{3, 11, 2, 8}},
	{0x600, rela{8, 10, 4, 16}},
	// .rela.kpatch.rodata
	{0x618, rela{0, 1, 1, 0x20}},
	// .rela.kpatch.eh_frame
	{0x630, rela{32, 2, 3, 0}},
	// .rela.kpatch.info
	{0x648, rela{0, 1, 1, 0x100}},
	{0x660, rela{8, 1, 3, 0}},
	{0x678, rela{24, 1, 5, 0}},
	// .symtab
	{0x6a8, sym{0, 3, 1, 0, 0}},
	{0x6c0, sym{0, 3, 2, 0, 0}},
	{0x6d8, sym{0, 3, 3, 0, 0}},
	{0x6f0, sym{0, 3, 4, 0, 0}},
	{0x708, sym{0, 3, 8, 0, 0}},
	// .strtab
	// .shstrtab
	{0x722, ".text"},
	{0x728, ".data"},
	{0x72e, ".kpatch.text"},
	{0x73b, ".kpatch.rodata"},
	{0x74a, ".kpatch.eh_frame"},
	{0x75b, ".kpatch.data"},
	{0x768, ".kpatch.info"},
	{0x775, ".kpatch.strtab"},
	{0x784, ".kpatch.meta"},
	{0x791, ".rela.kpatch.text"},
	{0x7a3, ".rela.kpatch.rodata"},
	{0x7b7, ".rela.kpatch.eh_frame"},
	{0x7cd, ".rela.kpatch.info"},
	{0x7df, ".symtab"},
	{0x7e7, ".strtab"},
	{0x7ef, ".shstrtab"},
	{0x7f9, ".kpatch.digest"},
	// .kpatch.data
	// .kpatch.digest
	{0x1010, "gocare sha-256"},
}

const goldenFixedSize = 0x1040
