package wrapper

import (
	"debug/buildinfo"
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
	info, err := buildinfo.ReadFile(path)
	return err == nil && strings.HasPrefix(info.Path, ourPath)
}

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
