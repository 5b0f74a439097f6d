package planner

import (
	"slices"
	"strings"
	"testing"
)

func TestWrapped(t *testing.T) {
	for args, want := range map[string]string{
		"":                             "",
		"-o wrap main.o":               "",
		"--wrap=f -wrap=g main.o":      "f g",
		"--wrap f -wrap g --wrapped=h": "f g",
		"wrap f":                       "",
		"main.o --wrap":                "",
	} {
		if got := wrapped(strings.Fields(args)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}

func TestBindsOwn(t *testing.T) {
	for args, want := range map[string]string{
		"":                                    "",
		"-shared -o Bsymbolic-functions a.o":  "",
		"-Bsymbolic-functions a.o":            "Bsymbolic-functions",
		"--Bsymbolic-functions -Bno-symbolic": "",
		"--dynamic-list=list a.o":             "dynamic-list",
		"--dynamic-list-data a.o":             "dynamic-list-data",
	} {
		if got := bindsOwn(strings.Fields(args)); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}
