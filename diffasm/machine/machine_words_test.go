package machine

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// machineDirs are the directories in which only files of a machine may know its words.
var machineDirs = []string{"..", "../asm", "../machine", "../canon", "../flow", "../debuginfo", "../correlate", "../disasm"}

// isMachineFile reports whether a file is named for a machine.
func isMachineFile(path string) bool {
	base := filepath.Base(path)
	return strings.HasPrefix(base, "x86_64") || strings.HasPrefix(base, "aarch64")
}

// plainWords are mnemonics that are words of English, or a letter.
var plainWords = map[string]bool{"str": true, "in": true, "or": true, "and": true, "not": true, "v": true, "j": true}

// textWords are literals of the text layer, which tells the tokens of operands apart and not what they mean, and knows the flags
// of sections.
var textWords = map[string][]string{
	"lex.go":     {"%", "$"},
	"syntax.go":  {"%"},
	"parse.go":   {"$"},
	"section.go": {"ax"},
	"unit.go":    {"$"}, // of package disasm, in names
}

// machineWords matches what stands for a register, an immediate or the GOT in a longer literal.
var machineWords = func() *regexp.Regexp {
	var names []string
	for name := range registers() {
		names = append(names, name)
	}
	return regexp.MustCompile(`%(` + strings.Join(names, "|") + `|rip|[cdefgs]s)\b|%$|^\$$|\\\$|\$[a-z]|@GOT|@PLT`)
}()

// isMachineWord reports whether a literal is a register, a mnemonic, or has a form of operands in it.
func isMachineWord(text string) bool {
	word := strings.TrimLeft(strings.TrimSpace(text), "%$")
	_, isRegister := registers()[word]
	_, isPrefix := prefixes[word]
	row := instructions().find(word)
	known := isRegister || isPrefix || row != &unheard && row.sized(word) || isArmWord(word)
	return known && !plainWords[word] || machineWords.MatchString(text)
}

// isArmWord reports whether a literal is a register or a mnemonic of AArch64. Those of a single letter and a number name other things,
// too.
func isArmWord(word string) bool {
	_, isRegister := armRegisters()[word]
	_, transfers := armTransfers[word]
	_, known := armFamilies()[word]
	return isRegister && len(word) > 2 || transfers && len(word) > 1 || known
}

// TestWordsOfMachines: outside the files of a machine no literal is a word of it.
func TestWordsOfMachines(t *testing.T) {
	for _, dir := range machineDirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatal(err, paths)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || isMachineFile(path) {
				continue
			}
			for _, at := range wordsIn(t, path, textWords[filepath.Base(path)]) {
				t.Error(at)
			}
		}
	}
}

// wordsIn lists the literals of a file that are words of a machine, but for those allowed.
func wordsIn(t *testing.T, path string, allowed []string) (list []string) {
	t.Helper()
	files := gotoken.NewFileSet()
	file, err := goparser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if _, isImport := n.(*ast.ImportSpec); isImport { // of package cmp
			return false
		}
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != gotoken.STRING && lit.Kind != gotoken.CHAR {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range allowed {
			if text == a {
				return true
			}
		}
		if isMachineWord(text) {
			list = append(list, files.Position(lit.Pos()).String()+": "+lit.Value+" is knowledge of a machine")
		}
		return true
	})
	return list
}

func TestIsMachineWord(t *testing.T) {
	for text, want := range map[string]bool{
		"mov": true, "jmpq": true, "cmpq": true, "call": true, "rsp": true, "%eax": true, "lock": true, "lock ": true, "nop": true, "$": true, `\$-?\d+`: true,
		"$text": true, "movq\t%s@GOTPCREL(%rip), ": true, "%": true, "xmm0": true, "hlt": true,
		"calls": false, "%s+%d": false, "and": false, " or ": false, "moved": false, "cannot patch %s %q: %s": false, "$1": false, "": false,
	} {
		if got := isMachineWord(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
