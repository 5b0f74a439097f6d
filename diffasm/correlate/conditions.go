package correlate

import (
	"slices"
	"strings"

	"gocare/internal/lazyregexp"
)

// conditionsOf returns the conditions in the functions that write a variable, and in those that call private ones of these, one string for
// each function: #if and the like, and what stands behind if and its kin, in order.
func conditionsOf(text string, writes []write) (list []string) {
	functions := functionsOf(text)
	var next []string
	for _, w := range writes {
		if w.in != "" && !slices.Contains(next, w.in) {
			next = append(next, w.in)
		}
	}
	for i := 0; i < len(next); i++ {
		body := functions[next[i]]
		if c := control(body); c != "" {
			list = append(list, c)
		}
		if head, _, _ := strings.Cut(body, "{"); mentions(head, "static") == 0 {
			continue
		}
		for name, caller := range functions {
			if mentions(caller, next[i]) > 0 && !slices.Contains(next, name) {
				next = append(next, name)
			}
		}
	}
	return list
}

// functionsOf lists what stands at the top level of a text with a body, by the name before its parameters.
func functionsOf(text string) map[string]string {
	functions := map[string]string{}
	depth, start := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth = max(0, depth-1)
		}
		if depth > 0 || text[i] != ';' && text[i] != '}' {
			continue
		}
		item := text[start : i+1]
		start = i + 1
		if head, _, ok := strings.Cut(item, "("); ok && text[i] == '}' {
			if words := strings.Fields(strings.ReplaceAll(head, "*", " ")); len(words) > 0 {
				functions[words[len(words)-1]] += item
			}
		}
	}
	return functions
}

var controls = lazyregexp.New(`(?m)^[ \t]*#[ \t]*(?:if|elif|else|endif)[^\n]*|\b(?:if|while|for|switch)\s*\(|\b(?:else|do|case|default|goto|break|continue|return)\b|[^=;{}?]*\?[^;{}]*|&&|\|\|`)

// control returns what decides which statements of a function run.
func control(body string) string {
	var parts []string
	for at := 0; at < len(body); {
		found := controls.FindStringIndex(body[at:])
		if found == nil {
			break
		}
		part, end := body[at+found[0]:at+found[1]], at+found[1]
		if strings.HasSuffix(part, "(") {
			n := min(ends(body[end:], "")+1, len(body)-end)
			part, end = part+body[end:end+n], end+n
		}
		parts = append(parts, spaced(part))
		at = end
	}
	return strings.Join(parts, "; ")
}
