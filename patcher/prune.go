package patcher

import "gocare/buildtree"

// Prune takes away what neither the record of the original build nor the last run's plan needs.
func Prune(store *buildtree.Store) (buildtree.Pruned, error) {
	return store.Prune(buildtree.PlanFile, decisionsFile)
}
