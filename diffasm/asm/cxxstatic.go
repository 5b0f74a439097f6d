package asm

import (
	"slices"
	"strings"

	"gocare/internal/lazyregexp"
)

// C++ compilers count the static locals of one name in a function, and the lambdas of one type, from the first on: Itanium C++ ABI,
// sections 5.1.6 "Scope Encoding" and 5.1.8 "Closure Types".
var (
	discriminator = lazyregexp.New(`(_[0-9]|__[0-9]+_)$`)
	closureNumber = lazyregexp.New(`(Ul[A-Za-z0-9_]*?E|Ut)[0-9]*_`)
)

// countedStatic returns the name of a static local of C++ without what is counted in it, "" for other names.
func countedStatic(name string) string {
	if !strings.HasPrefix(name, "_ZZ") && !strings.HasPrefix(name, "_ZGVZ") {
		return ""
	}
	return closureNumber.ReplaceAllString(discriminator.ReplaceAllString(name, ""), "${1}_")
}

// ThreadGuard tells whether a thread gave the thread-local variables of a unit of C++ their first values.
const ThreadGuard = "__tls_guard"

// IsGuard reports whether a variable tells whether code gave others their first values.
func IsGuard(name string) bool { return name == ThreadGuard || strings.HasPrefix(name, "_ZGV") }

// GuardOf returns the name of what tells whether code gave a variable of C++ its first value, "" for other names (Itanium C++ ABI, 5.1.4.4).
func GuardOf(name string) string {
	rest, ok := strings.CutPrefix(name, "_Z")
	if !ok {
		return ""
	}
	return "_ZGV" + rest
}

// CountedAlike lists the static locals of C++ whose names differ from that of another, or that itself, in what is counted.
func (f *File) CountedAlike(name string) (list []string) {
	group := countedStatic(name)
	if group == "" {
		return nil
	}
	for _, b := range f.Variables {
		if countedStatic(b.Name) == group {
			list = append(list, b.Name)
		}
	}
	slices.Sort(list)
	return list
}
