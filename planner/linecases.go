package planner

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"gocare/internal/csource"
	"gocare/internal/isolate"
	"gocare/internal/jobs"
	"gocare/internal/lazyregexp"
)

// A coroutine of macros (protothreads) keeps the line in which it goes on, or a number that the compiler counts up: pc = __LINE__; return;
// case __LINE__:. A process has the numbers of the original. This file finds those that lead elsewhere in the patched source, or nowhere.

// MovedCase is a number of the original that a process may have stored, and that leads elsewhere now.
type MovedCase struct {
	Function string `json:"function"` // "" if it is not known
	Macro    string `json:"macro"`    // __LINE__ or __COUNTER__
	Number   string `json:"number"`   // of the original, as the preprocessor leaves it
	Edited   bool   `json:"edited"`   // the function has another text, such numbers aside
}

// numberMark begins what stands for such numbers, in the text that the preprocessor leaves.
const numberMark = "gocare_number"

var markNumbers = []string{"-Wno-builtin-macro-redefined", "-D__LINE__=" + numberMark + "__LINE__", "-D__COUNTER__=" + numberMark + "__COUNTER__"}

// findMovedCases notes the moved cases of units.
func (c sideCompiler) findMovedCases(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	var batch []jobs.Job
	var of []int
	read := map[string]bool{}
	for i, u := range units {
		if u.late == nil && compilable(u.orig) && u.orig.Preprocessed() && c.mayHaveLineCases(&u, read) {
			args := append([]string{u.orig.Driver}, u.orig.PreprocessArgs(u.orig.Source)...)
			plain := jobs.Job{Dir: u.orig.Dir, Env: u.orig.Env, Args: args}
			marked := plain
			marked.Args = slices.Concat(args, markNumbers)
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

// mayHaveLineCases reports whether a file that a unit reads may make such labels. What files were found to be is noted.
func (c sideCompiler) mayHaveLineCases(u *pairedUnit, read map[string]bool) bool {
	for _, r := range c.b.Before.units[readerID(u.orig)].files {
		may, known := read[r.Path]
		if !known {
			text, err := os.ReadFile(r.Path)
			may = err == nil && makesLineCases(text, isolate.Within(r.Path, "/usr"))
			read[r.Path] = may
		}
		if may {
			return true
		}
	}
	return false
}

// makesLineCases reports whether a text says both case and a macro of such numbers; of the system's files, whether it defines macros that do.
func makesLineCases(text []byte, system bool) bool {
	if !bytes.Contains(text, []byte("__LINE__")) && !bytes.Contains(text, []byte("__COUNTER__")) {
		return false
	}
	return bytes.Contains(text, []byte("case")) && (!system || macroCase.Match(text))
}

var macroCase = lazyregexp.New(`(?m)^[ \t]*#[ \t]*define\b(?:.*\\\n)*.*\bcase\b`)

// lineCase is a function with labels of cases that are such numbers.
type lineCase struct {
	function, text string
	macro          string // of the first
	numbers        []string
	leads          []string // the code before each label, up to the one before it, which tells it from others
}

var (
	caseLabel = lazyregexp.New(`\bcase\b([^:]*):`)
	numbered  = lazyregexp.New(numberMark + `(__LINE__|__COUNTER__)`)
)

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
			if macro := numbered.FindStringSubmatch(text[at[0]:at[1]]); macro != nil && len(labels) == len(numbers) {
				found.macro = cmp.Or(found.macro, macro[1])
				found.numbers = append(found.numbers, strings.TrimSpace(numbers[k][1]))
				found.leads = append(found.leads, text[last:at[0]])
			}
			last = at[1]
		}
		if found.numbers != nil {
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
		for k, number := range o.numbers {
			if !p.goesOn(o.leads[k], number) {
				moved = append(moved, MovedCase{o.function, o.macro, number, p.text != o.text})
				break
			}
		}
	}
	return moved
}

// goesOn reports whether a number of the original leads to what it led to, behind the same code.
func (p *lineCase) goesOn(lead, number string) bool {
	same := func(l string) bool { return strings.HasSuffix(l, lead) || strings.HasSuffix(lead, l) } // the first has nothing of another before it
	for k, l := range p.leads {
		if same(l) && p.numbers[k] == number {
			return true
		}
	}
	return !slices.ContainsFunc(p.leads, same) && slices.Contains(p.numbers, number)
}
