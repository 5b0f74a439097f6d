package correlate

import "testing"

func TestMentions(t *testing.T) {
	for _, tt := range []struct {
		text, word string
		want       int
	}{
		{"n += n1 + n;", "n", 2}, {"static int n_;", "n", 0}, {"", "n", 0}, {"static int n;", "", 0},
	} {
		if got := mentions(tt.text, tt.word); got != tt.want {
			t.Errorf("%q in %q: got %d, want %d", tt.word, tt.text, got, tt.want)
		}
	}
}

func TestStem(t *testing.T) {
	text := wordsOf([]string{"DECLARE(pool_1, 12); /* x86_64 */", "sha256(a1b);"})
	for name, want := range map[string]string{
		"cb_12": "cb_#", "head_pool_1": "", "pool_12": "pool_#", "sha256_44": "sha256_#", "x86_64": "", "v2_3": "v#_#", "a1b2": "a1b#", "plain": "",
	} {
		if got := text.stem(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
