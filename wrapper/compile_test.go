package wrapper

import (
	"strings"
	"testing"
)

func TestWorthRecording(t *testing.T) {
	for args, want := range map[string]bool{
		"-c a.c":                   true,
		"-o prog a.o":              true,
		"--version":                false,
		"-E a.c":                   false,
		"-S a.c":                   false,
		"-Wl,--version":            false,
		"-Wl,--help -o prog a.o":   false,
		"-Wl,-z,now,--version a.o": false,
		"-shared -Wl,--version-script=v.map -o libs.so a.o": true,
		"-shared -Wl,--version-script,v.map -o libs.so a.o": true,
		"-shared -Wl,-version-script -Wl,v.map a.o":         true,
		"-Wl,-verbose -o prog a.o":                          true,
		"-Wl,-v -o prog a.o":                                true,
		"-Wl,-v":                                            false,
	} {
		if got := worthRecording(strings.Fields(args), t.TempDir()); got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
}
