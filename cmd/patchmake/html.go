package main

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"gocare/buildtree"
	"gocare/internal/cxxname"
	"gocare/internal/fault"
	"gocare/internal/ui"
	"gocare/patcher"
)

//go:embed review.html
var reviewPage string

// reviewTemplate makes one page that needs nothing else.
var reviewTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("review").Funcs(template.FuncMap{"readable": cxxname.Readable}).Parse(reviewPage))
})

// explainHTML writes the last run's decisions as a page.
func explainHTML(store *buildtree.Store, path string, u *ui.UI) error {
	review, err := patcher.NewReview(store)
	if err != nil {
		return err
	}
	page, err := renderReview(review)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, page, 0o644); err != nil {
		return fault.New(fault.Environment, path, "cannot write the page").WithCause(err).WithHint("name a file in a directory that is there and can be written to")
	}
	u.Info("the page is in %s", path)
	return u.Result(struct {
		Page string `json:"page"`
	}{path})
}

func renderReview(review *patcher.Review) ([]byte, error) {
	var page bytes.Buffer
	err := reviewTemplate().Execute(&page, struct {
		*patcher.Review
		Title string
	}{review, reviewTitle(review)})
	return page.Bytes(), err
}

// reviewTitle says what was patched, or that it was refused.
func reviewTitle(review *patcher.Review) string {
	var names []string
	for _, t := range review.Targets {
		names = append(names, t.Path[strings.LastIndexByte(t.Path, '/')+1:])
	}
	if len(names) == 0 {
		return "refused"
	}
	return strings.Join(names, ", ")
}
