package mutate

import (
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a program in csmith's way to write.
const sample = `// Options:   --concise
#include "csmith.h"


struct S0 {
   int32_t  f0;
};


static int32_t g_2 = 0x2C70BB74L;
static volatile uint8_t g_3[2] = {1UL,2UL};/* VOLATILE GLOBAL g_3 */
static int32_t *g_4 = &g_2;


static uint32_t  func_1(void);
static int16_t  func_5(int32_t  p_6, const uint8_t  p_7);


static uint32_t  func_1(void)
{ 
    int32_t l_8 = 0x1FL;
    int i, j;
lbl_9:
    for (i = 0; i < 2; i++)
        g_3[i] = 7UL;
    if (((l_8 == g_2) || (func_5(g_2, 3UL) & 5L)))
    { 
        (*g_4) |= (safe_add_func_int32_t_s_s(l_8, 0x33CCL));
        l_8 ^= g_2;
    }
    else
        goto lbl_9;
    return g_2;
}


static int16_t  func_5(int32_t  p_6, const uint8_t  p_7)
{ 
    return (p_6 < p_7);
}


int main (int argc, char* argv[])
{
    int print_hash_value = 0;
    func_1();
    transparent_crc(g_2, "g_2", print_hash_value);
    platform_main_end(crc32_context ^ 0xFFFFFFFFUL, print_hash_value);
    return 0;
}
`

// TestMake checks that a seed always makes the same pair, that every kind of edit is made, and that one shows.
func TestMake(t *testing.T) {
	made := map[string]int{}
	for seed := range int64(300) {
		p, err := Make(sample, seed)
		if err != nil {
			t.Fatal(err)
		}
		if q, _ := Make(sample, seed); !maps.Equal(p.Before, q.Before) || !maps.Equal(p.After, q.After) {
			t.Fatalf("seed %d makes different pairs", seed)
		}
		if len(p.Edits) == 1 && maps.Equal(p.Before, p.After) {
			t.Errorf("seed %d: %s changes nothing", seed, p.Edits)
		}
		for _, name := range p.Edits {
			made[name]++
		}
	}
	for _, k := range edits {
		if made[k.name] == 0 {
			t.Errorf("never: %s", k.name)
		}
	}
}

func TestParse(t *testing.T) {
	p, err := parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	text := p.render()["prog.c"]
	for _, want := range []string{
		"struct S0 {", "\nstatic volatile uint8_t g_3[2] = {1UL,2UL};\n", "\nstatic int16_t  func_5(int32_t  p_6, const uint8_t  p_7);\n",
		"\nstatic int16_t  func_5(int32_t  p_6, const uint8_t  p_7)\n{\n    return (p_6 < p_7);\n}\n", "\nint main (",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("not once: %q in\n%s", want, text)
		}
	}
	for _, text := range []string{"", "int main(void)\n{\n}\n", strings.TrimSuffix(sample, "}\n")} {
		if _, err := parse(text); err == nil {
			t.Errorf("%q is a program", text)
		}
	}
}

// A program in two units has every definition once, and declares what both see.
func TestRenderUnits(t *testing.T) {
	p, err := parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{r: rand.New(rand.NewSource(1)), program: p}
	e.units = 2
	e.share()
	e.funcs[0].unit, e.funcs[1].unit, e.globals[0].unit, e.globals[1].unit = 0, 1, 0, 1
	files := e.render()
	for name, wants := range map[string][]string{
		"prog.h": {"extern int32_t g_2;\n", "extern volatile uint8_t g_3[2];\n", "\nuint32_t  func_1(void);\n"},
		"prog.c": {"\nint32_t g_2 = ", "\nuint32_t  func_1(void)\n{", "#include \"prog.h\"\n"},
		"more.c": {"\nvolatile uint8_t g_3[2] = ", "\nint16_t  func_5(int32_t  p_6, const uint8_t  p_7)\n{"},
	} {
		for _, want := range wants {
			if !strings.Contains(files[name], want) {
				t.Errorf("%s lacks %q:\n%s", name, want, files[name])
			}
		}
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"more.c", "prog.c", "prog.h"}) {
		t.Errorf("files %q", got)
	}
}

func TestBinaries(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"x = ((a == b) || (c & 5L));", []string{"a == b", "c & 5L", "(a == b) || (c & 5L)"}},
		{"x = f(a, b);", []string{"a, b"}},
		{"x = (a , b + c);", nil},
		{"if ((!(p != (void*)0)))", []string{"p != (void*)0"}},
		{`puts("(a == b)" , (c < d));`, []string{"c < d"}},
		{"x = a[(i + 1)] ^ 2;", []string{"i + 1"}},
	} {
		var got []string
		for _, b := range binaries(tt.line) {
			got = append(got, tt.line[b.start:b.end])
			if !strings.HasPrefix(tt.line[b.at:], b.op) {
				t.Errorf("%s: %q is not at %d", tt.line, b.op, b.at)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.line, diff)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"x = (g_2 ^ 0x1FL) + 7;", []string{"0x1FL", "7"}},
		{"l_3[2][1] = 5UL;", []string{"5UL"}},
		{"float y = 0x1.8p+1 + 2.5;", nil},
		{`printf("%08x", 1);`, nil},
	} {
		var got []string
		for _, m := range numbers(tt.line) {
			got = append(got, tt.line[m[0]:m[1]])
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.line, diff)
		}
	}
}

func TestSpots(t *testing.T) {
	p, err := parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	f := p.funcs[0]
	for i, want := range []string{
		"- -", "- -", "i -", "i -", "- -", "i -", "- -", "i s", "i s", "i -", "- -", "- -", "i -", // in step with the body of func_1
	} {
		s, got := spot{f, i}, []byte("- -")
		if s.insertable() {
			got[0] = 'i'
		}
		if s.simple() {
			got[2] = 's'
		}
		if string(got) != want {
			t.Errorf("%s: %s, want %s", s.text(), got, want)
		}
	}
}
