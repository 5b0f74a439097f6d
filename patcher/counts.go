package patcher

import (
	"bytes"
	"context"
	"regexp"
	"slices"

	"gocare/buildtree"
	"gocare/internal/csource"
	"gocare/internal/jobs"
	"gocare/internal/layout"
	"gocare/internal/srcpatch"
)

// preprocessCounts keeps what the preprocessor makes of the original source of each unit in which the last enumerator of an enumeration grew:
// it tells whether that is a mere count.
func (c *comparison) preprocessCounts(ctx context.Context, units []pairedUnit, types []SideVersions) error {
	var batch []jobs.Job
	var of []int
	for i, u := range units {
		if c.lastGrew(&types[i]) {
			args := append([]string{u.orig.Driver}, u.orig.PreprocessArgs(u.orig.Source)...)
			batch, of = append(batch, jobs.Job{Dir: u.orig.Dir, Env: u.orig.Env, Args: args}), append(of, i)
		}
	}
	outcomes, err := c.b.runHere(ctx, batch)
	if err != nil {
		return err
	}
	for k, o := range outcomes {
		if o.Failed != "" {
			continue // and the enumerator is refused
		}
		if types[of[k]].OrigText, err = c.b.Store.PutBlob(o.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// lastGrew reports whether a unit has an enumerator that may be a count.
func (c *comparison) lastGrew(v *SideVersions) bool {
	if v.OrigTypes == "" || v.PatchedTypes == "" || !slices.ContainsFunc(c.b.Change.Files, mentionsEnum) {
		return false
	}
	before, err := loadLayout(c.b.Store, v.OrigTypes)
	if err != nil {
		return false // which is refused later
	}
	after, err := loadLayout(c.b.Store, v.PatchedTypes)
	return err == nil && slices.ContainsFunc(layout.Compare(before, after), func(c layout.Change) bool { return c.Last })
}

func mentionsEnum(f srcpatch.FileChange) bool { return bytes.Contains(f.Before, []byte("enum")) }

// isCount reports whether the original source of a unit uses an enumerator as the number of those before it alone.
func isCount(store *buildtree.Store, v *SideVersions, name string) bool {
	text, err := store.Blob(v.OrigText)
	return v.OrigText != "" && err == nil && onlyCounts(text, name)
}

// onlyCounts reports whether preprocessed text uses a name so that its value is stored nowhere: as the bound of an array, behind %, and as
// what something is less than or not less than.
func onlyCounts(text []byte, name string) bool {
	for _, item := range csource.Items(text) {
		t := sourceItem(cWord.FindAllString(item, -1))
		for i := range t {
			if t[i] == name && !t.isEnumerator(i) && !t.isBound(i) && !t.isModulus(i) && !t.isLimit(i) {
				return false
			}
		}
	}
	return true
}

var cWord = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|\d[\w.]*|->|\+\+|--|&&|\|\||[<>=!]=|\S`)

// sourceItem is the words of an item at the top level of a source.
type sourceItem []string

// at is a word, "" outside of the item.
func (t sourceItem) at(i int) string {
	if i < 0 || i >= len(t) {
		return ""
	}
	return t[i]
}

func isName(word string) bool { return identifier.MatchString(word) }

// isEnumerator reports whether word i is declared there as the last one of an enumeration, without a value written.
func (t sourceItem) isEnumerator(i int) bool {
	next, before := t.at(i+1), t.at(i-1)
	if next != "}" && (next != "," || t.at(i+2) != "}") || before != "," && before != "{" {
		return false
	}
	j := i - 1
	for j >= 0 && t[j] != "{" && t[j] != "}" && t[j] != ";" {
		j--
	}
	return t.at(j) == "{" && (t.at(j-1) == "enum" || isName(t.at(j-1)) && t.at(j-2) == "enum")
}

// isBound reports whether word i is the bound of an array that is declared there: behind its type and name alone.
func (t sourceItem) isBound(i int) bool {
	if t.at(i-1) != "[" || t.at(i+1) != "]" {
		return false
	}
	names := 0
	for j := i - 2; j >= 0 && !slices.Contains([]string{";", "{", "}", "("}, t[j]); j-- {
		switch {
		case slices.Contains([]string{"return", "else", "do", "goto", "case", "sizeof"}, t[j]):
			return false
		case isName(t[j]):
			names++
		case t[j] != "*":
			return false
		}
	}
	return names >= 2
}

func (t sourceItem) isModulus(i int) bool {
	return t.at(i-1) == "%" && (t.at(i+1) == ";" || t.at(i+1) == "]")
}

// isLimit reports whether something is compared with word i, and not to end a loop after which a variable has its value.
func (t sourceItem) isLimit(i int) bool {
	if t.at(i-1) != "<" && t.at(i-1) != ">=" || !slices.Contains([]string{")", "&&", "||", ";", "?"}, t.at(i+1)) {
		return false
	}
	depth := 0
	for k := i - 1; k >= 0 && (depth > 0 || t[k] != "{" && t[k] != "}"); k-- {
		switch {
		case t[k] == ")":
			depth++
		case t[k] == "(" && depth > 0:
			depth--
		case t[k] == "(" && t.at(k-1) == "while":
			return false
		case t[k] == "(" && t.at(k-1) == "for":
			return t.endsLoop(k, i)
		}
	}
	return true
}

// endsLoop reports whether word i ends a loop "for (v = …; v < …; v++)", whose head begins at word k, of a variable that only such loops
// use.
func (t sourceItem) endsLoop(k, i int) bool {
	v := t.at(i - 2)
	if t.at(i-1) != "<" || t.at(i+1) != ";" || t.at(i-3) != ";" || !isName(v) {
		return false
	}
	if step := t.at(i+2) + t.at(i+3) + t.at(i+4); step != v+"++)" && step != "++"+v+")" {
		return false
	}
	if t.at(k+1) != v {
		return isName(t.at(k+1)) && t.at(k+2) == v && t.at(k+3) == "=" // declared in the head
	}
	left := t.withoutLoops(v)
	n := slices.Index(left, v)
	return t.at(k+2) == "=" && n > 0 && !slices.Contains(left[n+1:], v) && left.declares(n) && !t.takesAddress(v)
}

// declares reports whether word i is declared there, in a frame and without a value.
func (t sourceItem) declares(i int) bool {
	if next := t.at(i + 1); next != ";" && next != "," {
		return false
	}
	names := 0
	for j := i - 1; j >= 0 && !slices.Contains([]string{";", "{", "}"}, t[j]); j-- {
		if slices.Contains([]string{"static", "extern", "return"}, t[j]) || !isName(t[j]) && t[j] != "," && t[j] != "*" {
			return false
		}
		names++
	}
	return names > 0
}

func (t sourceItem) takesAddress(name string) bool {
	for i := range t {
		if t[i] == "&" && t.at(i+1) == name {
			return true
		}
	}
	return false
}

// withoutLoops is the code without the loops "for (v = …)".
func (t sourceItem) withoutLoops(v string) (left sourceItem) {
	for i := 0; i < len(t); i++ {
		if t[i] != "for" || t.at(i+1) != "(" || t.at(i+2) != v || t.at(i+3) != "=" {
			left = append(left, t[i])
			continue
		}
		i = t.end(t.end(i+1) + 1)
	}
	return left
}

// end is the last word of what begins at word i: the parenthesis or brace that closes it, or the semicolon of a statement.
func (t sourceItem) end(i int) int {
	depth := 0
	for k := i; k < len(t); k++ {
		switch t[k] {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 && (t[k] == "}" || k > i && t[i] == "(") {
				return k
			}
		case ";":
			if depth == 0 {
				return k
			}
		}
	}
	return len(t)
}
