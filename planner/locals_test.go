package planner

import (
	"strings"
	"testing"
)

func TestKeepLocals(t *testing.T) {
	const source = `static int file;
int f(int x)
{
	static int a;
	static const char *b[2] = { 0 }, c;
	static char text[] = "static int d;";
	static int e = 3, g [4] ;	/* more */
	int h = sizeof(struct { int static_; });
	static int f2(int);
	static int i =
		4;
}
`
	want := strings.NewReplacer(
		"\tstatic int a;", "\tstatic int a;<a>",
		"c;", "c;<b>",
		"g [4] ;", "g [4] ;<e>",
	).Replace(source)
	got := keepLocals(source, []string{"a", "b", "d", "e", "g", "i", "file", "f2"})
	for _, name := range []string{"a", "b", "e"} {
		at := strings.Index(got, " static const __volatile__ void *const gocare_keep_")
		if at < 0 {
			break
		}
		end := at + strings.IndexByte(got[at:], ';') + 1
		if !strings.HasSuffix(got[at:end], ")&"+name+";") {
			t.Errorf("%s is kept by %q", name, got[at:end])
		}
		got = got[:at] + "<" + name + ">" + got[end:]
	}
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestStoresLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"\t.local\tn.0\n\t.comm\tn.0,4,4\n":                       true,
		"\nn.12:\n\t.long 4\n":                                    true,
		"\nf.n:\n\t.long 4\n":                                     true,
		"\t.type\tf.n,@object\n\t.local\tf.n\n\t.comm\tf.n,4,4\n": true,
		"\nf.n.3:\n\t.long 4\n":                                   true,
		"\nn:\n\tcall\tnn.0\n":                                    false,
		"\nmain:\n\tcall\tf\n":                                    false,
	} {
		if got := storesLocal([]byte(text), "n"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
