package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"gocare/patcher"
)

// hostileReview has mark-up in every text that comes from a source or a tool.
func hostileReview() *patcher.Review {
	const text = `</td></table><script>alert("x")</script><style>`
	rows := []patcher.Row{{Kind: "changed", OldNo: 1, NewNo: 1, Old: text, New: `a < b && c`}, {Kind: "gap"}, {Kind: "added", NewNo: 9, New: text}}
	refused := []patcher.Refusal{{Code: "layout", Function: text, Message: text, Hint: text}, {Message: text}}
	function := patcher.ReviewFunction{Name: "_ZN2ns1fEi", Status: "changed", Why: text, Fate: text, Before: text, After: "ret", At: "a.c:1", Rows: rows}
	unit := patcher.ReviewUnit{Source: text, Functions: []patcher.ReviewFunction{function, {Name: "plain", InPatch: true}}, Unchanged: 3, Refused: refused}
	return &patcher.Review{
		Compiler: text, Patches: []string{text}, Files: []patcher.ReviewFile{{Name: text, Rows: rows}}, Undecided: []string{text}, Same: []string{text}, Refused: refused,
		Targets: []patcher.ReviewTarget{{Path: "/usr/bin/" + text, BuildID: "ab", Units: []patcher.ReviewUnit{unit}, Imports: []string{"puts", text}, Refused: refused}},
	}
}

// element is a start tag with its attributes.
type element struct {
	name       string
	attributes map[string]string
}

// elementsOf parses a page whose tags must be balanced, and returns its elements and its text.
func elementsOf(t *testing.T, page []byte) (elements []element, text string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta", "br"}, xml.HTMLEntity
	var open []string
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{token.Name.Local, map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			elements = append(elements, e)
			if e.name != "meta" && e.name != "br" {
				open = append(open, e.name)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> ends %q", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			text += string(token)
		}
	}
	if len(open) > 0 {
		t.Errorf("open at the end: %q", open)
	}
	return elements, text
}

// TestReviewPage: the page is whole, needs nothing from elsewhere, runs no code, and its links lead somewhere.
func TestReviewPage(t *testing.T) {
	page, err := renderReview(hostileReview())
	if err != nil {
		t.Fatal(err)
	}
	elements, text := elementsOf(t, page)
	var ids, links []string
	cells, rows := 0, 0
	for _, e := range elements {
		if slices.Contains([]string{"script", "link", "img", "iframe", "object", "base"}, e.name) || e.attributes["src"] != "" {
			t.Errorf("<%s> in the page", e.name)
		}
		if id := e.attributes["id"]; id != "" {
			ids = append(ids, "#"+id)
		}
		if e.name == "a" {
			links = append(links, e.attributes["href"])
		}
		if e.name == "tr" && e.attributes["class"] != "gap" {
			rows++
		}
		if e.name == "td" && e.attributes["colspan"] == "" {
			cells++
		}
	}
	if len(links) != 2 || slices.ContainsFunc(links, func(l string) bool { return !slices.Contains(ids, l) }) {
		t.Errorf("links %q to %q", links, ids)
	}
	if rows != 4 || cells != 4*rows {
		t.Errorf("%d rows of code with %d cells", rows, cells)
	}
	for _, want := range []string{"ns::f(int)", "a < b && c", "3 functions unchanged", "in the patch", "puts", `alert("x")`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
}
