// Package isolate runs builds in a tree without changing it: overlay, copy or journal.
package isolate
