package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
	"gocare/internal/ui"
)

// codeView is a reason code as explain --json prints it.
type codeView struct {
	Code        fault.Code `json:"code"`
	Stage       string     `json:"stage"` // the section of gocare(7)
	Text        string     `json:"text"`
	Overridable bool       `json:"overridable"`     // with patchmake --allow
	Vouch       string     `json:"vouch,omitempty"` // what whoever overrides it answers for
	Hint        string     `json:"hint,omitempty"`
}

// explainCode prints what the register knows about a reason code.
func explainCode(name string, u *ui.UI) error {
	r, known := fault.Lookup(fault.Code(name))
	if !known {
		return unknownCode(name)
	}
	r.Paragraph = strings.ReplaceAll(r.Paragraph, "`", "")
	u.Info("%s", codeText(r))
	return u.Result(codeView{Code: r.Code, Stage: r.Stage, Text: r.Paragraph, Overridable: r.Vouch != "", Vouch: r.Vouch, Hint: r.Hint})
}

// codeText sets a reason for a terminal.
func codeText(r fault.Reason) string {
	paragraphs := []string{r.Paragraph, "patchmake --allow does not override it."}
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

func unknownCode(name string) error {
	hint := "gocare(7) lists the codes"
	if near := nearCodes(name); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage("explain: there is no reason code %q", name).WithHint("%s", hint)
}

// nearCodes returns up to three codes that somebody who wrote name may have meant, the likeliest first: a few letters differ,
// or name is a part of the code.
func nearCodes(name string) []string {
	const letters, most = 3, 3
	type candidate struct {
		name     string
		distance int
	}
	var list []candidate
	for _, r := range fault.Reasons() {
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

// completeMake offers what may follow on the command line of a making run; args end with the word before the one that is
// completed and the CLI library's own.
func completeMake(c *cli.Context, args []string) {
	if len(args) < 2 || args[len(args)-2] != "--allow" {
		cli.DefaultAppComplete(c)
		return
	}
	for _, r := range fault.Reasons() {
		if r.Vouch != "" {
			fmt.Fprintf(c.App.Writer, "%s:%s\n", r.Code, r.Vouch)
		}
	}
}

// completeExplain offers the codes that explain takes, and its options behind a dash.
func completeExplain(c *cli.Context, args []string) {
	if len(args) > 1 && strings.HasPrefix(args[len(args)-2], "-") {
		cli.DefaultCompleteWithFlags(c.Command)(c)
		return
	}
	for _, r := range fault.Reasons() {
		fmt.Fprintf(c.App.Writer, "%s:%s\n", r.Code, r.Stage)
	}
}
