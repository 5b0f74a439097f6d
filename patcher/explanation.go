package patcher

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gocare/diffasm"
	"gocare/internal/fault"
)

// Lines says what became of the functions, a target with its functions indented below it. Without all, functions and sources that did not
// change are only counted.
func (d *Decisions) Lines(all bool) (lines []string) {
	hidden := 0
	for _, t := range d.Targets {
		lines = append(lines, t.Path)
		for _, u := range t.Units {
			shown := slices.DeleteFunc(slices.Clone(u.Functions), func(f functionDecision) bool { return !all && !u.tells(f) })
			hidden += len(u.Functions) - len(shown)
			for _, f := range shown {
				lines = append(lines, indented(u.explanation(f, t.skipped(u.Source, f.Name)))...)
			}
			lines = append(lines, indented(refusalLines(u.Refused))...)
		}
		lines = append(lines, indented(refusalLines(t.Refused))...)
	}
	for _, path := range d.Undecided {
		lines = append(lines, path+": not looked at, as the one before was not made")
	}
	if all {
		for _, source := range d.Same {
			lines = append(lines, source+": unchanged (compiled to the same object)")
		}
	} else if hidden+len(d.Same) > 0 {
		lines = append(lines, "unchanged: "+unchanged(hidden, len(d.Same))+" (--all lists them)")
	}
	return append(lines, refusalLines(d.Refused)...)
}

// unchanged says how many functions, and how many sources without such as were compared, did not change.
func unchanged(functions, sources int) string {
	var list []string
	if functions > 0 {
		list = append(list, count(functions, "function"))
	}
	if sources > 0 {
		list = append(list, count(sources, "source")+" compiled to the same object")
	}
	return strings.Join(list, ", ")
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func indented(lines []string) (out []string) {
	for _, line := range lines {
		out = append(out, "  "+line)
	}
	return out
}

// tells reports whether a function is not as it was, or something became of it.
func (u unitDecisions) tells(f functionDecision) bool {
	same := f.Status == diffasm.Same || f.Status == diffasm.LineOnly
	return !same || len(f.Refused) > 0 || slices.Contains(u.InPatch, f.Name) || slices.Contains(u.LeftOut, f.Name)
}

// skipped returns why a function is not in the patch though chosen, "" if it is.
func (t targetDecisions) skipped(unit, function string) string {
	for _, s := range t.Skipped {
		if s.Unit == unit && s.Function == function {
			return s.Reason
		}
	}
	return ""
}

// refusalLines says what was refused, and with which code.
func refusalLines(list []refusalDecision) (lines []string) {
	for _, e := range list {
		if e.Code == "" {
			lines = append(lines, "failed: "+e.Message)
			continue
		}
		lines = append(lines, fmt.Sprintf("refused: %s (%s)", e.Message, e.Code))
	}
	return lines
}

// explanation says what became of a function: "t_zset.c: zaddGenericCommand: changed (edit, t_zset.c:1834)". For a changed
// one, the first instruction that differs follows, as it was and as it is.
func (u unitDecisions) explanation(f functionDecision, skipped string) []string {
	status := f.Status
	if status == diffasm.LineOnly {
		status = diffasm.Same
	}
	line := fmt.Sprintf("%s: %s: %s", u.Source, f.Name, status)
	why := whyChanged(f)
	if why != "" {
		line += " (" + why + ")"
	}
	line += u.fate(f, skipped)
	lines := []string{line}
	if f.Status == diffasm.Changed {
		at := ""
		if f.At != "" {
			at = "  (" + filepath.Base(f.At) + ")"
		}
		lines = append(lines, "  was: "+cmp.Or(f.Before, "none"), "  now: "+cmp.Or(f.After, "none")+at)
	}
	return lines
}

// whyChanged gives the reason for a function's status, with the place of the edit.
func whyChanged(f functionDecision) string {
	switch why := f.Reason; {
	case f.Status == diffasm.Same || f.Status == diffasm.LineOnly || f.Line == 0:
		return why
	case why == "header":
		return fmt.Sprintf("header %s:%d", filepath.Base(f.File), f.Line)
	default:
		return fmt.Sprintf("%s, %s:%d", why, filepath.Base(f.File), f.Line)
	}
}

// fate says why a function is not in the patch, if that is for another reason than that it did not change.
func (u unitDecisions) fate(f functionDecision, skipped string) string {
	switch {
	case len(f.Refused) > 0:
		return ", refused (" + joinCodes(f.Refused) + ")"
	case slices.Contains(u.LeftOut, f.Name):
		return ", left out by the filter"
	case skipped != "":
		return ", not in the patch: " + skipped
	}
	return ""
}

// joinCodes lists codes, each once.
func joinCodes(codes []fault.Code) string {
	var names []string
	for _, c := range codes {
		if !slices.Contains(names, string(c)) {
			names = append(names, string(c))
		}
	}
	return strings.Join(names, ", ")
}
