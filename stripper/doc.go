// Package stripper turns a joined object into the payload of a patch: it reduces relocations to the five that the
// format knows, checks their ranges and drops what the loader does not need.
package stripper
