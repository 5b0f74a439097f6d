package main

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
