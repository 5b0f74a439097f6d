package planner

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gocare/buildtree"
	"gocare/internal/csource"
	"gocare/internal/jobs"
	"gocare/internal/layout"
	"gocare/internal/srcpatch"
)

// preprocessCounts keeps what the preprocessor makes of the original source of each unit in which the last enumerator of an enumeration grew:
// it tells whether that is a mere count.
func (c sideCompiler) preprocessCounts(ctx context.Context, units []pairedUnit, types []SideVersions) error {
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
func (c sideCompiler) lastGrew(v *SideVersions) bool {
	if v.OrigTypes == "" || v.PatchedTypes == "" || !slices.ContainsFunc(c.b.Change.Files, mentionsEnum) {
		return false
	}
	before, err := LoadLayout(c.b.Store, v.OrigTypes)
	if err != nil {
		return false // which is refused later
	}
	after, err := LoadLayout(c.b.Store, v.PatchedTypes)
	return err == nil && slices.ContainsFunc(layout.Compare(before, after), func(c layout.Change) bool { return c.Last })
}

func mentionsEnum(f srcpatch.FileChange) bool { return bytes.Contains(f.Before, []byte("enum")) }

// IsCount reports whether the original source of a unit uses an enumerator as the number of those before it alone.
func (v *SideVersions) IsCount(store *buildtree.Store, name string) bool {
	text, err := store.Blob(v.OrigText)
	return v.OrigText != "" && err == nil && onlyCounts(text, name)
}

// onlyCounts reports whether preprocessed text uses a name so that nothing which outlives a change of its value depends on it: as the bound of
// an array, behind % in the index of a constant array, and as what something is less than or not less than that the code does not move on
// by itself. What is placed by it (%, &), or wraps at it, would be looked for elsewhere later.
func onlyCounts(text []byte, name string) bool {
	items := countedItems(text, name)
	constants := constantArrays(items)
	for _, t := range items {
		for i := range t {
			if t[i] == name && !t.isEnumerator(i) && !t.isBound(i) && !t.isIndex(i, constants) && !t.isLimit(i) {
				return false
			}
		}
	}
	return true
}

// countedItems are the items of a text. The number of elements of an array with a name as its bound (sizeof a / sizeof a[0]) is that name
// there; other sizes of such an array are the name as well, where they do not only end a call, as those of memset.
func countedItems(text []byte, name string) (items []sourceItem) {
	for _, item := range csource.Items(text) {
		items = append(items, cWord.FindAllString(item, -1))
	}
	for _, array := range boundBy(items, name) {
		for i, t := range items {
			if slices.Contains(t, array) && slices.Contains(t, "sizeof") {
				items[i] = t.withCount(array, name)
			}
		}
	}
	return items
}

// boundBy lists the arrays that have a name as their bound.
func boundBy(items []sourceItem, name string) (arrays []string) {
	for _, t := range items {
		for i := range t {
			if t[i] == name && t.isBound(i) && isName(t.at(i-2)) {
				arrays = append(arrays, t[i-2])
			}
		}
	}
	slices.Sort(arrays)
	return slices.Compact(arrays)
}

// withCount puts the name of its bound in the place of sizes of an array.
func (t sourceItem) withCount(array, name string) sourceItem {
	words := slices.Clone(t)
	for i, w := range words {
		if w[0] == '"' {
			words[i] = `""`
		}
	}
	text := " " + strings.Join(words, " ") + " "
	whole, element := sizesOf(array, `A`), sizesOf(array, `A \[ 0 \]`, `\( A \) \[ 0 \]`, `\* A`, `\* \( A \)`)
	text = regexp.MustCompile(whole+" /"+element).ReplaceAllString(text, " "+name)
	text = regexp.MustCompile(`([^\w ] |return )\( `+name+` \)`).ReplaceAllString(text, "${1}"+name)
	text = regexp.MustCompile(`( ,)`+whole+`( \))`).ReplaceAllString(text, "${1} 0${2}")
	text = regexp.MustCompile(whole+`( [^\[])`).ReplaceAllString(text, " "+name+"${1}")
	return strings.Fields(text)
}

// sizesOf matches sizeof of an array A, or what is derived from it, with parentheses or without.
func sizesOf(array string, forms ...string) string {
	var all []string
	for _, form := range forms {
		form = strings.ReplaceAll(form, "A", array)
		all = append(all, form, `\( `+form+` \)`, `\( \( `+form+` \) \)`)
	}
	return ` sizeof (?:` + strings.Join(all, "|") + `)`
}

// constantArrays lists the names that are always those of arrays of constants.
func constantArrays(items []sourceItem) map[string]bool {
	constant, other := map[string]bool{}, map[string]bool{}
	for _, t := range items {
		for i := range t {
			words, declared := t.declaration(i)
			if !declared || t.at(i+1) != "[" {
				continue
			}
			if slices.Contains(words, "const") && (words[len(words)-1] == "const" || !slices.Contains(words, "*")) {
				constant[t[i]] = true
			} else {
				other[t[i]] = true
			}
		}
	}
	maps.DeleteFunc(constant, func(name string, _ bool) bool { return other[name] })
	return constant
}
