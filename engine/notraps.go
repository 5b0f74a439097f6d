//go:build !traporacle

package engine

// traps is what the oracle's build writes over the code that a plan replaces: nothing.
func traps(*Plan) []Write { return nil }
