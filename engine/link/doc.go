// Package link resolves a patch's symbols against a process and relocates its image. It is pure: no system calls.
package link
