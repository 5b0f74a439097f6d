// Package engine applies and removes patches: inspect, plan (pure), prepare, commit, revert.
package engine
