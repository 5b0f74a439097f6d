package asm

import (
	"fmt"
	"strconv"
	"strings"
)

// Partition is one of several assembly texts that make up the code of a program together.
type Partition struct {
	Text  string
	Names map[string]string // symbols that are private to the program -> what they are called in the whole
}

// JoinPartitions makes one text of several. Labels, and numbers of source files, are made different from partition to partition; debug
// information is left out, but for places.
func JoinPartitions(parts []Partition) string {
	var out strings.Builder
	for i, p := range parts {
		j := joiner{number: i, names: p.Names, out: &out}
		out.WriteString("\t.text\n")
		for line := range strings.Lines(p.Text) {
			j.line(line)
		}
	}
	return out.String()
}

// joiner rewrites one partition.
type joiner struct {
	number int // of the partition
	names  map[string]string
	out    *strings.Builder
	debug  bool // in a section of debug information
}

// How many labels of a kind and source files a partition has at most: numbers of the next ones begin there.
const (
	perPartition      = 10_000_000
	filesPerPartition = 10_000
)

func (j *joiner) line(line string) {
	text := strings.TrimSpace(line)
	word := FirstWord(text)
	args := Trim(text[len(word):])
	switch word {
	case ".section":
		j.debug = strings.HasPrefix(args, ".debug_")
	case ".text", ".data", ".bss":
		j.debug = false
	}
	private := j.names[FirstWord(args)]
	switch {
	case j.debug, word == ".ident":
	case word == ".file", word == ".loc":
		j.place(word, args)
	case private != "" && (word == ".globl" || word == ".hidden"):
	default:
		j.rewrite(line, word)
	}
}

// place writes a .loc, or a .file that has a number, with a number of its own.
func (j *joiner) place(word, args string) {
	number, rest, _ := strings.Cut(args, " ")
	n, err := strconv.Atoi(number)
	if err == nil && !(word == ".file" && n == 0) {
		fmt.Fprintf(j.out, "\t%s %d %s\n", word, n+j.number*filesPerPartition, rest)
	}
}

// rewrite copies a line with its symbols renamed; op is its first word. What begins a statement is no symbol, unless it is a label.
func (j *joiner) rewrite(line, op string) {
	section := op == ".section" || op == ".pushsection"
	t, copied, begins := Tokens{Text: line}, 0, true
	for tok, ok := t.Next(); ok; tok, ok = t.Next() {
		if tok.Kind != TokenSymbol {
			begins = begins || tok.Text == ";"
			continue
		}
		isLabel := t.At < len(line) && line[t.At] == ':'
		isSymbol := (isLabel || !begins) && (!section || IsLocal(tok.Text))
		if begins = begins && isLabel; isSymbol {
			j.out.WriteString(line[copied:tok.Start] + j.name(tok.Text))
			copied = t.At
		}
	}
	j.out.WriteString(line[copied:])
}

// name is what a symbol or label of the partition is called in the whole.
func (j *joiner) name(name string) string {
	if whole, private := j.names[name]; private {
		return whole
	}
	if !IsLocal(name) || j.number == 0 {
		return name
	}
	digits := len(name)
	for digits > 0 && name[digits-1] >= '0' && name[digits-1] <= '9' {
		digits--
	}
	n, err := strconv.Atoi(name[digits:])
	if err != nil || name[digits] == '0' && len(name) > digits+1 || n >= perPartition {
		return fmt.Sprintf("%s_%d", name, j.number)
	}
	return fmt.Sprintf("%s%d", name[:digits], n+j.number*perPartition)
}

// PartitionOf returns the partition that a numbered label of the whole is from, and what it is called there.
func PartitionOf(label string) (number int, own string) {
	name := strings.TrimRight(label, "0123456789")
	n, err := strconv.Atoi(label[len(name):])
	if err != nil || n < perPartition {
		return 0, label
	}
	return n / perPartition, fmt.Sprintf("%s%d", name, n%perPartition)
}
