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

// counted matches names in which a number says which of several is meant: closures and classes without a name, and
// local classes of one name (Itanium C++ ABI, sections 5.1.6 and 5.1.8); clang's and gcc's own numbers for those that only one unit has.
var counted = lazyregexp.New(`Ul\w*?E[0-9]*_|Ut[0-9]*_|\$_[0-9]|_anon_[0-9]|Z(L|NK?)?[0-9]+\w*E`)

// IsCounted reports whether the name of a function may be that of another one where one comes or goes.
func IsCounted(name string) bool {
	mangled, ok := strings.CutPrefix(name, "_Z")
	return ok && counted.MatchString(mangled)
}
