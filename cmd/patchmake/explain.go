package main

import (
	"os"

	"gocare/buildtree"
	"gocare/internal/ui"
	"gocare/patcher"
)

// explain prints the last run's decisions; in text, without all, those about what changed.
func explain(all bool, u *ui.UI) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	store, err := buildtree.FindStore(cwd, os.Getenv)
	if err != nil {
		return err
	}
	run, err := patcher.LoadDecisions(store)
	if err != nil {
		return err
	}
	for _, line := range run.Lines(all) {
		u.Info("%s", line)
	}
	return u.Result(run)
}
