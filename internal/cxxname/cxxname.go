// Package cxxname turns the names that C++ compilers give to functions and variables into those that people write.
package cxxname

import (
	"slices"
	"strconv"
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

// IsCalled reports whether the source calls a function by a name, without what it is in.
func IsCalled(symbol, name string) bool { return lastName(symbol) == name }

func lastName(symbol string) string {
	spelled := demangle.Filter(symbol, demangle.NoClones, demangle.NoParams, demangle.NoTemplateParams)
	return spelled[strings.LastIndexByte(spelled, ':')+1:]
}

// FunctionOf returns the function that a static local of some name is in, by its symbol, without what that is in; "" if it is none.
func FunctionOf(symbol, name string) string {
	local, ok := strings.CutPrefix(discriminator.ReplaceAllString(symbol, ""), "_ZZ")
	if !ok {
		return ""
	}
	encoding, ok := strings.CutSuffix(local, "E"+strconv.Itoa(len(name))+name)
	if !ok {
		return ""
	}
	return lastName("_Z" + encoding)
}

// discriminator is what tells apart the static locals of one name in a function (Itanium C++ ABI, section 5.1.6).
var discriminator = lazyregexp.New(`_([0-9]|_[0-9]+_)$`)

// counted matches names in which a number says which of several is meant: closures and classes without a name, and
// local classes of one name (Itanium C++ ABI, sections 5.1.6 and 5.1.8); clang's and gcc's own numbers for those that only one unit has.
var counted = lazyregexp.New(`Ul\w*?E[0-9]*_|Ut[0-9]*_|\$_[0-9]|_anon_[0-9]|Z(L|NK?)?[0-9]+\w*E`)

// IsCounted reports whether the name of a function may be that of another one where one comes or goes.
func IsCounted(name string) bool {
	mangled, ok := strings.CutPrefix(name, "_Z")
	return ok && counted.MatchString(mangled)
}

// Shown returns the symbol that something private would have if other units saw it; that itself of what they see, and where the name tells no more
// than a name, the namespaces it is in, parameters, and the static local of a function that is meant: Itanium C++ ABI, section 5.1. gcc
// and clang put an L before the name of what is private, or the nameless namespace around it.
func Shown(symbol string) string {
	prefix, rest := "", ""
	for _, prefix = range []string{"_ZGVZ", "_ZZ", "_Z"} { // the guard of a static local, such a one, and what is in no function
		var found bool
		if rest, found = strings.CutPrefix(symbol, prefix); found {
			break
		}
	}
	path, rest, ok := scopes(rest)
	if !ok || prefix != "_Z" && !isStaticLocal(rest) {
		return symbol
	}
	name := path[len(path)-1]
	switch {
	case len(path) > 1:
		return prefix + "N" + strings.Join(path, "") + "E" + rest
	case prefix == "_Z" && rest == "": // a variable outside of namespaces has its own name
		return strings.TrimLeft(name, "0123456789")
	}
	return prefix + name + rest
}

// scopes splits off the name that an encoding begins with, as pieces with their lengths, without what makes it private.
func scopes(encoding string) (path []string, rest string, ok bool) {
	nested := strings.HasPrefix(encoding, "N")
	rest = strings.TrimPrefix(encoding, "N")
	private := false
	for {
		shown, isPrivate := strings.CutPrefix(rest, "L")
		private = private || isPrivate
		piece := sourceName(shown)
		if piece == "" {
			break
		}
		path, rest = append(path, piece), shown[len(piece):]
		if !nested || isPrivate {
			break
		}
	}
	if nested {
		if rest, ok = strings.CutPrefix(rest, "E"); !ok {
			return nil, "", false
		}
	}
	if n := len(path) - 2; n >= 0 && path[n] == nameless {
		if strings.Contains(rest, "S") { // what this counts are pieces of the name, too
			return nil, "", false
		}
		path, private = slices.Delete(path, n, n+1), true
	}
	return path, rest, private && len(path) > 0 && !slices.Contains(path, nameless)
}

// isStaticLocal reports whether a local name is that of a variable, the only one of its name: what classes within functions have is not.
func isStaticLocal(encoding string) bool {
	for i := range encoding {
		if encoding[i] == 'E' && encoding[i+1:] != "" && sourceName(encoding[i+1:]) == encoding[i+1:] {
			return true
		}
	}
	return false
}

const nameless = "12_GLOBAL__N_1"

// sourceName returns the name with its length that an encoding begins with, "" if it begins otherwise.
func sourceName(encoding string) string {
	digits := len(encoding) - len(strings.TrimLeft(encoding, "0123456789"))
	n, err := strconv.Atoi(encoding[:digits])
	if err != nil || n == 0 || n > len(encoding)-digits {
		return ""
	}
	return encoding[:digits+n]
}
