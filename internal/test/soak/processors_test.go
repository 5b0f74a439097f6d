package main

import "testing"

func TestHalves(t *testing.T) {
	for n, want := range map[int]processors{1: {}, 2: {"0-0", "1-1"}, 5: {"0-1", "2-4"}} {
		if got := halves(n); got != want {
			t.Errorf("halves of %d: %+v, want %+v", n, got, want)
		}
	}
}
