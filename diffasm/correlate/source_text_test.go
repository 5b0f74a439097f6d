package correlate

import (
	"strings"
	"testing"

	"gocare/diffasm/debuginfo"
)

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

// TestScopeOfNoLine: what compilers declare, as __func__, is on no line of any source.
func TestScopeOfNoLine(t *testing.T) {
	for _, text := range [][]string{nil, {"{", "}"}} {
		if got := scopeOf(&debuginfo.Declaration{Name: "__func__"}, text); got != nil {
			t.Errorf("in %q: got %q", text, got)
		}
	}
}

// TestScopeEnd: a declaration stands on the second line of a block of four, if nothing is continued.
func TestScopeEnd(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"plain", "{|static int n;|n++;|}|}", 4},
		{"a block inside", "{|static int n;|{ n++; }|}|}", 4},
		{"a brace in a comment", "{|static int n; // }|n++;|}|}", 4},
		{"a brace in a comment that goes on", `{|static int n; // one \|} two|}|}`, 4},
		{"a comment that goes on over two lines", `{|static int n; // one \|} two \|} three|}|}`, 5},
		{"blanks behind the backslash", "{|static int n; // one \\ \t|} two|}|}", 4},
		{"a brace in a string that goes on", `{|static int n; puts("one \|} two");|}|}`, 4},
		{"an escaped backslash goes on as well", `{|static int n; // one \\|} two|}|}`, 4},
		{"a comment that does not go on", `{|static int n; // \ one|}|}|}`, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := scopeEnd(strings.Split(tt.text, "|"), 2, 1); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
