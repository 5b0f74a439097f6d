package planner

import (
	"strings"
	"testing"
)

// TestMovedCases: a number that a process may have stored leads to the same code in the patched source.
func TestMovedCases(t *testing.T) {
	// yields is a function that returns values in some lines, as the preprocessor leaves it.
	yields := func(in string) lineCase {
		text := func(mark bool) []byte {
			var b strings.Builder
			b.WriteString("int puts(const char*);\n__attribute__((noinline)) static int f(void){ static int pc; switch(pc){ case 0:")
			for _, y := range strings.Fields(in) {
				value, line, _ := strings.Cut(y, "@")
				if mark {
					line = numberMark + "__LINE__"
				}
				b.WriteString("do{ pc=" + line + "; return " + value + "; case " + line + ":; }while(0);\n")
			}
			b.WriteString("} return -1; }\n")
			return []byte(b.String())
		}
		list := lineCases(text(false), text(true))
		if len(list) != 1 || list[0].function != "f" {
			t.Fatalf("%s: found %v", in, list)
		}
		return list[0]
	}
	for _, tt := range []struct {
		name, before, after, want string
		edited                    bool
	}{
		{"the same", "1@10 2@11", "1@10 2@11", "", false},
		{"lines above", "1@10 2@11", "1@12 2@13", "10", false},
		{"one before", "1@10 2@11", "0@10 1@11 2@12", "10", true},
		{"one before the only one", "1@10", "0@10 1@11", "10", true},
		{"one behind", "1@10 2@11", "1@10 2@11 3@12", "", true},
		{"one between", "1@10 2@11", "1@10 7@11 2@12", "11", true},
		{"one edited in its line", "1@10 2@11", "1@10 20@11", "", true},
		{"one edited in another line", "1@10 2@11", "1@10 20@12", "11", true},
		{"one gone", "1@10 2@11", "2@10", "11", true},
		{"one like the others behind them", "1@10 1@11", "1@10 1@11 1@12", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := movedCases([]lineCase{yields(tt.before)}, []lineCase{yields(tt.after)})
			if tt.want == "" {
				if got != nil {
					t.Errorf("moved: %v", got)
				}
				return
			}
			if len(got) != 1 || got[0] != (MovedCase{"f", "__LINE__", tt.want, tt.edited}) {
				t.Errorf("moved: %v, want %s", got, tt.want)
			}
		})
	}
	if list := lineCases([]byte("int f(int x){ switch(x){ case 3: return 1; } return 9; }"), []byte("int f(int x){ switch(x){ case 3: return 1; } return "+numberMark+"__LINE__; }")); list != nil {
		t.Errorf("a case without a line: %v", list)
	}
}

// TestCountedCases: a label is a number that the compiler counts.
func TestCountedCases(t *testing.T) {
	text := func(n, m string) []byte {
		return []byte("int f(int x){ switch(x){ case 0: x = 1; case (" + n + "): return 1; case (" + m + "): return 2; } return 9; }")
	}
	mark := numberMark + "__COUNTER__ + 1"
	before, after := lineCases(text("0 + 1", "1 + 1"), text(mark, mark)), lineCases(text("2 + 1", "3 + 1"), text(mark, mark))
	if got, want := movedCases(before, after), (MovedCase{"f", "__COUNTER__", "(0+1)", false}); len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestMakesLineCases: of the system's headers only such as define a macro with a case are asked.
func TestMakesLineCases(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		system     bool
		want       bool
	}{
		{"a line", "#define Y pc = __LINE__; case __LINE__:", false, true},
		{"a counter", "#define Y(n) pc = n; case n:\n#define Z Y(__COUNTER__)", false, true},
		{"no number", "#define Y(n) pc = n; case n:", false, false},
		{"no case", "#define A(x) a(__LINE__)", false, false},
		{"the system's", "#define Y(n) \\\n pc = n; \\\n case n:\n#define Z Y(__LINE__)", true, true},
		{"the system's, in words", "/* in any case */\n#define A(x) \\\n a(__LINE__)\n/* case */", true, false},
	} {
		if got := makesLineCases([]byte(tt.text), tt.system); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
