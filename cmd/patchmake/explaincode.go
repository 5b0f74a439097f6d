package main

import (
	"fmt"
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
	u.Info("%s", r)
	return u.Result(codeView{Code: r.Code, Stage: r.Stage, Text: r.Plain(), Overridable: r.Vouch != "", Vouch: r.Vouch, Hint: r.Hint})
}

func unknownCode(name string) error {
	hint := "gocare(7) lists the codes"
	if near := fault.Near(name); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage("explain: there is no reason code %q", name).WithHint("%s", hint)
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
