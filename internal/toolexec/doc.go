// Package toolexec runs compilers, assemblers and other tools and keeps their command line and standard error.
package toolexec
