package diffasm

import (
	"strings"
	"testing"

	"gocare/diffasm/correlate"
	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

// foldedPointers has two pointers of which clang knows all values, so that it keeps neither, nor the functions.
const foldedPointers = `#define NAMED(f) cb = f, name = #f
#define ARM(f) cb = f
struct op { const char *n; int (*f)(int); };
static const char *name;
static int (*cb)(int);
static int op_get(int x)
{
	return x + (x == '{');
}
static int op_put(int x)
{
	return x + 2;
}
static struct op ops[] = {
	{ "get", op_get },
	{ "put", op_put },
};
static struct op *cur;
void setup(void)
{
	cb = op_get;
	cur = &ops[0];
}
int work(int x)
{
	return cb(x) + cur->f(x) + cur->n[0];
}
`

// TestFoldedNames: what is assigned to a variable that both versions fold away is the same where the source patch only renames the function,
// and nothing else.
func TestFoldedNames(t *testing.T) {
	testkit.Require(t, "clang")
	macro := func(text string) string { return strings.ReplaceAll(text, "cb = op_get;", "ARM(op_get);") }
	chosen := func(text string) string {
		return strings.ReplaceAll(text, "cb = op_get;", `cb = __builtin_choose_expr(1, (int (*)(int))op_get, 0);`)
	}
	named := func(text string) string {
		return strings.NewReplacer("cb = op_get;", "NAMED(op_get);", "cb(x) +", "cb(x) + name[1] +").Replace(text)
	}
	text := func(text string) string { return strings.ReplaceAll(text, `"get"`, `"op_get"`) }
	tells := func(text string) string {
		return strings.NewReplacer("\treturn x + (", "\tname = __FUNCTION__;\n\treturn x + (", "cb(x) +", "cb(x) + name[1] +").Replace(text)
	}
	same := func(text string) string { return text }
	fetch := []string{"int op_get(", "int op_fetch(", ", op_get }", ", op_fetch }", "= op_get;", "= op_fetch;", "x + (", "x + 100 + ("}
	for _, row := range []struct {
		name   string
		first  func(string) string // edits the original
		patch  []string
		refuse bool
	}{
		{"renamed and edited", same, fetch, false},
		{"two renamed", same, append([]string{"int op_put(", "int op_store(", ", op_put }", ", op_store }"}, fetch...), false},
		{"by a macro", macro, append([]string{"ARM(op_get)", "ARM(op_fetch)"}, fetch...), false},
		{"its name is a text too", text, append([]string{`"op_get"`, `"op_fetch"`}, fetch...), true},
		{"a macro makes a text of its name", named, append([]string{"NAMED(op_get)", "NAMED(op_fetch)"}, fetch...), true},
		{"it tells its name", tells, fetch[:6], true},
		{"in what may be a macro of elsewhere", chosen, append([]string{"(int))op_get", "(int))op_fetch"}, fetch...), true},
		{"the other one is assigned", same, append([]string{"cb = op_get", "cb = op_put"}, fetch[:4]...), true},
		{"others change places", same, append([]string{`{ "get", op_get }`, `{ "put", op_put }`, `{ "put", op_put }`, `{ "get", op_fetch }`}, fetch...), true},
		{"the old name means something else", same, append([]string{"int work", "int op_get(int x)\n{\n\treturn x;\n}\nint work"}, fetch...), true},
		{"another prototype", same, append([]string{"int op_get(int x)", "int op_fetch(unsigned x)"}, fetch...), true},
		{"no longer assigned", same, append([]string{"cb = op_get;", "cb = 0;", "cb(x)", "(cb ? cb(x) : 0)"}, fetch[:4]...), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := row.first(foldedPointers)
			after := strings.NewReplacer(row.patch...).Replace(before)
			m := Matching{Sources: func(string) *correlate.SourceFile { return lineMap(before, after) }}
			d, err := m.Match(compileSource(t, "clang", "-O2 -g", before), compileSource(t, "clang", "-O2 -g", after), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Decide(d, Options{})
			if e := fault.As(err); row.refuse != (e != nil && e.Code == fault.StaticLost) || !row.refuse && err != nil {
				t.Errorf("got %v, want it refused: %v", err, row.refuse)
			}
		})
	}
}
