package patcher

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAcrossLinks(t *testing.T) {
	takes := pair{orig: keepsState("f", "total"), patched: global("f", "xorl\t%eax, %eax")}
	brings := pair{orig: global("g", "nop"), patched: keepsState("g", "sum")}
	unreached := pair{orig: global("h"), patched: global("h") + keepsState("n", "sum")}
	renamed := []string{`static-renamed: u0.c: the new variable "sum" may be "total" (u0.c) by another name: the patch takes that away, and what it holds`}
	for _, tt := range []struct {
		name     string
		a, b     pair
		bLibrary bool
		want     []string
		wantLink int
	}{
		{name: "state goes from a program to its library", a: takes, b: brings, bLibrary: true, want: renamed, wantLink: 1},
		{name: "state goes from a library to its program", a: brings, b: takes, bLibrary: true, want: renamed},
		{name: "two programs are two processes", a: takes, b: brings},
		{name: "new state that nothing reaches", a: takes, b: unreached, bLibrary: true},
		{name: "nothing goes", a: brings, b: brings, bLibrary: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newLink(t, fakeLink{}, tt.a), newLink(t, fakeLink{}, tt.b)
			b.target.Library = tt.bLibrary
			var got []string
			for _, e := range acrossLinks([]*link{a, b}) {
				got = append(got, string(e.Code)+": "+e.Error.Error())
				if e.link != tt.wantLink {
					t.Errorf("it is about link %d", e.link)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
