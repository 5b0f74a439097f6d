package planner

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"

	"gocare/internal/csource"
	"gocare/internal/isolate"
	"gocare/internal/jobs"
)

// A coroutine of macros (protothreads) keeps the line in which it goes on: pc = __LINE__; return; case __LINE__:. A process has the numbers
// of the original. This file finds those that lead elsewhere in the patched source, or nowhere.

// MovedCase is a line number of the original that a process may have stored, and that leads elsewhere now.
type MovedCase struct {
	Function string `json:"function"` // "" if it is not known
	Line     string `json:"line"`     // of the original
	Edited   bool   `json:"edited"`   // the function has another text, numbers of lines aside
}

// lineMark stands for line numbers, in the text that the preprocessor leaves.
const lineMark = "gocare_line"

var markLines = []string{"-Wno-builtin-macro-redefined", "-D__LINE__=" + lineMark}

// findMovedCases notes the moved cases of units.
func (c sideCompiler) findMovedCases(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	var batch []jobs.Job
	var of []int
	for i, u := range units {
		if u.late == nil && compilable(u.orig) && u.orig.Preprocessed() && c.mayHaveLineCases(&u) {
			args := append([]string{u.orig.Driver}, u.orig.PreprocessArgs(u.orig.Source)...)
			plain := jobs.Job{Dir: u.orig.Dir, Env: u.orig.Env, Args: args}
			marked := plain
			marked.Args = slices.Concat(args, markLines)
			batch, of = append(batch, plain, marked), append(of, i)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	before, err := c.b.runHere(ctx, batch)
	if err != nil {
		return err
	}
	after, err := jobs.Run(ctx, c.b.View.Command, withoutCompileVars(c.b.Env), batch)
	if err != nil {
		return err
	}
	for k, i := range of {
		types[i].MovedCases = movedCases(lineCases(before[2*k].Stdout, before[2*k+1].Stdout), lineCases(after[2*k].Stdout, after[2*k+1].Stdout))
	}
	return nil
}

// mayHaveLineCases reports whether a file that a unit reads, outside of the system's, has both words.
func (c sideCompiler) mayHaveLineCases(u *pairedUnit) bool {
	for _, r := range c.b.Before.units[readerID(u.orig)].files {
		if isolate.Within(r.Path, "/usr") {
			continue
		}
		if text, err := os.ReadFile(r.Path); err == nil && bytes.Contains(text, []byte("__LINE__")) && bytes.Contains(text, []byte("case")) {
			return true
		}
	}
	return false
}

// lineCase is a function with labels of cases that are numbers of lines.
type lineCase struct {
	function, text string
	lines          []string
	leads          []string // the code before each label, up to the one before it, which tells it from others
}

var caseLabel = regexp.MustCompile(`\bcase\b([^:]*):`)

// lineCases finds the functions with such labels in the text that the preprocessor leaves, as it is and with marks in the place of numbers.
func lineCases(plain, marked []byte) (list []lineCase) {
	items, marks := csource.Items(plain), csource.Items(marked)
	if len(items) != len(marks) {
		return nil
	}
	for i, text := range marks {
		found := lineCase{function: functionOf(text), text: text}
		labels, numbers, last := caseLabel.FindAllStringIndex(text, -1), caseLabel.FindAllStringSubmatch(items[i], -1), 0
		for k, at := range labels {
			if strings.Contains(text[at[0]:at[1]], lineMark) && len(labels) == len(numbers) {
				found.lines = append(found.lines, strings.TrimSpace(numbers[k][1]))
				found.leads = append(found.leads, text[last:at[0]])
			}
			last = at[1]
		}
		if found.lines != nil {
			list = append(list, found)
		}
	}
	return list
}

// functionOf returns the name of the function that an item is, "" if that is not plain.
func functionOf(item string) string {
	header, _, _ := strings.Cut(item, "{")
	depth := 0
	for i := len(header) - 1; i >= 0; i-- {
		switch header[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				start := i
				for start > 0 && csource.IsWordByte(header[start-1]) {
					start--
				}
				return header[start:i]
			}
		}
	}
	return ""
}

// movedCases compares the two versions of a unit. Where code before a label is as it was, the label has to be, too; where it was edited, a
// label of that number has to be there. A function that is gone does not go on.
func movedCases(before, after []lineCase) (moved []MovedCase) {
	for _, o := range before {
		i := slices.IndexFunc(after, func(p lineCase) bool { return p.function == o.function })
		if i < 0 {
			continue
		}
		p := after[i]
		for k, line := range o.lines {
			if !p.goesOn(o.leads[k], line) {
				moved = append(moved, MovedCase{o.function, line, p.text != o.text})
				break
			}
		}
	}
	return moved
}

// goesOn reports whether a number of the original leads to what it led to, behind the same code.
func (p *lineCase) goesOn(lead, line string) bool {
	same := func(l string) bool { return strings.HasSuffix(l, lead) || strings.HasSuffix(lead, l) } // the first has nothing of another before it
	for k, l := range p.leads {
		if same(l) && p.lines[k] == line {
			return true
		}
	}
	return !slices.ContainsFunc(p.leads, same) && slices.Contains(p.lines, line)
}
