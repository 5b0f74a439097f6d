package buildtree

// Stage names which build a record belongs to.
type Stage string

const (
	Original Stage = "original"
	Patched  Stage = "patched"
)

// Digest is a SHA-256 in lower-case hex, the name of a blob in the store.
type Digest string

// Unit is one recorded run of the assembler: one compiled source.
type Unit struct {
	Dir      string   // absolute working directory of the compiler
	Driver   string   // absolute path of the compiler driver (COLLECT_GCC resolved)
	Argv     []string // the driver's own arguments (response files expanded), without argv[0]
	Options  []string // COLLECT_GCC_OPTIONS split into arguments: the driver's options without inputs
	Source   string   // the source among the driver's inputs, as spelt there; "-" for standard input
	Object   string   // absolute path of the object written
	ObjectID Digest   // of the object's bytes
	AsmID    Digest   // of the assembler source (blob in the store)
	As       string   // the real assembler
	AsArgs   []string // its arguments without input and output
	Lang     string   // "c", "c++", "asm", "lto" (an LTO object or an ltrans unit); by .file, COLLECT_GCC_OPTIONS and content
}

// Input is one object that a link took in, in command-line order, archive members as they were pulled.
type Input struct {
	Path     string // as spelt on the linker's command line (and in its map)
	Member   string // archive member, else ""
	ObjectID Digest // of the object's or member's bytes (blob in the store)
}

// Link is one recorded run of the linker.
type Link struct {
	Dir      string // absolute working directory
	Linker   string // the real linker
	Argv     []string
	Output   string // absolute path
	OutputID Digest // of the output as the linker wrote it (blob in the store)
	BuildID  string // lower-case hex, "" if it has none
	MapID    Digest // of the link map (blob in the store)
	Inputs   []Input
	Partial  bool // ld -r
}
