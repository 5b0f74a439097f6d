package main

import (
	"os"

	"gocare/buildtree"
	"gocare/internal/ui"
	"gocare/patcher"
)

// explain prints the last run's decisions; in text, without all, those about what changed. page names a file to write them to as HTML, ""
// for none.
func explain(all bool, page string, u *ui.UI) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := buildtree.FindStore(cwd, os.Getenv)
	if err != nil {
		return err
	}
	run, err := patcher.LoadDecisions(dir)
	if err != nil {
		return err
	}
	if page != "" {
		store, err := buildtree.OpenStore(dir)
		if err != nil {
			return err
		}
		return explainHTML(store, page, u)
	}
	for _, line := range run.Lines(all) {
		u.Info("%s", line)
	}
	return u.Result(run)
}
