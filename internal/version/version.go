// Package version names this release.
package version

// String is the version of every program of this module.
const String = "0.1.0"
