// Package cxxname turns the names that C++ compilers give to functions and variables into those that people write.
package cxxname

import (
	"strings"

	"github.com/ianlancetaylor/demangle"

	"gocare/internal/lazyregexp"
)

// mangled is a name of the Itanium C++ ABI, and what compilers append to those of clones.
var mangled = lazyregexp.New(`\b_Z[A-Za-z0-9_$]+(\.(cold|part|isra|constprop|lto_priv|clone|localalias)(\.[0-9]+)?)*`)

// Readable returns a text with each mangled name in it as it is written in C++. What is no name of C++ stays.
func Readable(text string) string {
	if !strings.Contains(text, "_Z") {
		return text
	}
	return mangled.ReplaceAllStringFunc(text, func(name string) string { return demangle.Filter(name) })
}

// Spellings returns the names by which people may mean a function: its symbol, and for one of C++ the name with its parameters and
// without.
func Spellings(symbol string) []string {
	full, err := demangle.ToString(symbol, demangle.NoClones)
	if err != nil {
		return []string{symbol}
	}
	return []string{symbol, full, demangle.Filter(symbol, demangle.NoClones, demangle.NoParams)}
}
