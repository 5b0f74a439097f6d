package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Plain returns the paragraph without the marks of what is typed.
func (r Reason) Plain() string { return strings.ReplaceAll(r.Paragraph, "`", "") }

// String sets a reason for a terminal.
func (r Reason) String() string {
	paragraphs := []string{r.Plain(), "patchmake --allow does not override it."}
	if r.Vouch != "" {
		paragraphs[1] = fmt.Sprintf("--allow %s overrides it. Whoever does so vouches for this: %s.", r.Code, r.Vouch)
	}
	if r.Hint != "" {
		paragraphs = append(paragraphs, "hint: "+r.Hint)
	}
	text := fmt.Sprintf("%s (%s)", r.Code, r.Stage)
	for _, p := range paragraphs {
		text += "\n\n" + fill(p)
	}
	return text
}

// fill breaks a paragraph into lines of at most 78 columns, where its words allow.
func fill(paragraph string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(paragraph) {
		if line != "" && len(line)+1+len(word) > 78 {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// Near returns up to three codes that somebody who wrote name may have meant, the likeliest first: a few letters differ,
// or name is a part of the code.
func Near(name string) []string {
	const letters, most = 3, 3
	type candidate struct {
		name     string
		distance int
	}
	var list []candidate
	for _, r := range Reasons() {
		code := string(r.Code)
		d := distance(name, code)
		if d > min(letters, len(name)/3) && (len(name) < letters || !strings.Contains(code, name)) {
			continue
		}
		list = append(list, candidate{code, d})
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range list[:min(len(list), most)] {
		names = append(names, c.name)
	}
	return names
}

// distance returns how many letters have to be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of what was seen of a to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
