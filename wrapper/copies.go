package wrapper

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"strings"
)

// ourPath is how Go names this program in what it builds.
const ourPath = "gocare/cmd/carecc"

// isCarecc reports whether a program is a carecc: this one, or another copy or version, whose links stand in as gcc, as or ld too.
// Two that take each other for the real tool would start each other without end.
func (p *Process) isCarecc(path string, fi os.FileInfo) bool {
	if sameAsAny(fi, p.self()) {
		return true
	}
	if !mayBeGo(path) {
		return false
	}
	info, err := buildinfo.ReadFile(path)
	return err == nil && strings.HasPrefix(info.Path, ourPath)
}

// mayBeGo reports whether a program is not known to be of another language: those of Go have a section for what they were built from.
// Without that, package buildinfo would look through all the data of a compiler, once for each compile.
func mayBeGo(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head elf.Header64
	if err := binary.Read(f, binary.LittleEndian, &head); err != nil || head.Ident[elf.EI_CLASS] != byte(elf.ELFCLASS64) || head.Shnum == 0 {
		return true
	}
	var names elf.Section64
	at := int64(head.Shoff) + int64(head.Shstrndx)*int64(head.Shentsize)
	if err := binary.Read(io.NewSectionReader(f, at, int64(binary.Size(names))), binary.LittleEndian, &names); err != nil || names.Size > maxNames {
		return true
	}
	text := make([]byte, names.Size)
	_, err = f.ReadAt(text, int64(names.Off))
	return err != nil || bytes.Contains(text, []byte(".go.buildinfo\x00"))
}

// maxNames bounds the names of a program's sections, in bytes.
const maxNames = 64 << 10

// handedTo names a variable with the tools that carecc has handed over to on the way here, separated by colons. A script may start
// carecc again; after so many rounds it is known for no real tool.
const (
	handedTo  = "GOCARE_HANDED_TO"
	maxRounds = 3
)

// tried reports whether this call was handed over to a tool before, and came back each time.
func (p *Process) tried(path string) bool {
	rounds := 0
	for tool := range strings.SplitSeq(p.getenv(handedTo), ":") {
		if tool == path {
			rounds++
		}
	}
	return rounds >= maxRounds
}

// handOver returns env for running a tool.
func (p *Process) handOver(env []string, path string) []string {
	before := p.getenv(handedTo)
	if before != "" {
		before += ":"
	}
	return withEnv(env, handedTo, before+path)
}
