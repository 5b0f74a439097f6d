// Package trace is the only place that calls ptrace and touches another process' memory. One locked OS thread makes all
// ptrace calls.
package trace
