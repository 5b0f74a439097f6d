package kpname

import (
	"slices"
	"strings"

	"gocare/internal/lazyregexp"
)

// cve is a name as the CVE numbering rules have it: a year, and a number of four digits or more.
var cve = lazyregexp.New(`(?i)CVE-[0-9]{4}-[0-9]{4,19}`)

// CVEs returns the CVE names in texts, in capitals, sorted, each once.
func CVEs(texts ...string) []string {
	var names []string
	for _, text := range texts {
		for _, name := range cve.FindAllString(text, -1) {
			names = append(names, strings.ToUpper(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// IsCVE reports whether a text is the name of a CVE, and nothing else.
func IsCVE(text string) bool { return cve.FindString(text) == text && text != "" }
