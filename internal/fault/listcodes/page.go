package main

import (
	"errors"
	"strings"

	"gocare/internal/fault"
)

// What stands between these lines of gocare(7) is written here.
const (
	beginMark = ".\\\" From here on written by go generate ./internal/fault.\n"
	endMark   = ".\\\" Up to here written by go generate ./internal/fault.\n"
)

// lineWidth is how many columns a line of the page's source has at most, where its words allow.
const lineWidth = 140

// page returns gocare(7) with the sections of the codes written anew.
func page(old string, reasons []fault.Reason) (string, error) {
	before, rest, begins := strings.Cut(old, beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return "", errors.New("gocare.7 has no marks around the sections of the codes")
	}
	return before + beginMark + sections(reasons) + endMark + after, nil
}

// sections describes the codes, one section for each stage.
func sections(reasons []fault.Reason) string {
	var b strings.Builder
	stage := ""
	for _, r := range reasons {
		if r.Stage != stage {
			stage = r.Stage
			b.WriteString(".SH \"" + strings.ToUpper(stage) + "\"\n")
		}
		b.WriteString(".TP\n.BR " + strings.ReplaceAll(string(r.Code), "-", `\-`))
		if r.Vouch != "" {
			b.WriteString(` " *"`)
		}
		b.WriteString("\n" + roff(r.Paragraph))
	}
	return b.String()
}

// roff returns a paragraph of the register as lines of a manual page.
func roff(paragraph string) string {
	var b strings.Builder
	column := 0
	typed := false // between backquotes
	for word := range strings.FieldsSeq(paragraph) {
		out := roffWord(word, &typed)
		switch {
		case column == 0:
		case column+1+len(out) > lineWidth:
			if strings.HasSuffix(b.String(), ".") {
				b.WriteString(`\&`) // else roff puts two spaces behind the sentence
			}
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		if column == 0 && strings.HasPrefix(out, ".") {
			out = `\&` + out // no request
		}
		b.WriteString(out)
		column += len(out)
	}
	return b.String() + "\n"
}

// roffWord sets a word: what is typed is bold, and hyphens of what is typed and of options are as a keyboard has them.
func roffWord(word string, typed *bool) string {
	option := strings.HasPrefix(strings.TrimLeft(word, "("), "-")
	var b strings.Builder
	for _, c := range word {
		switch {
		case c == '`':
			*typed = !*typed
			b.WriteString(map[bool]string{true: `\fB`, false: `\fR`}[*typed])
		case c == '-' && (option || *typed):
			b.WriteString(`\-`)
		case c == '\\':
			b.WriteString(`\e`)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
