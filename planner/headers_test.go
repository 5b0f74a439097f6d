package planner

import "testing"

func TestMentionsOf(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		computed     bool
	}{
		{"a name", "#if __has_include(<a.h>)\n#include <a.h>\n#endif", false},
		{"a name in quotes, with blanks", "#if __has_include ( \"a.h\" )", false},
		{"the next one", "#if __has_include_next(<a.h>)", false},
		{"a macro", "#if __has_include(HEADER)", true},
		{"a macro of a name", "#if __has_include (HEADER(a))", true},
		{"whether there is such a thing", "#ifdef __has_include\n#endif\n#if defined(__has_include) && defined __has_include", false},
		{"that, and a macro", "#if defined(__has_include) && __has_include(HEADER)", true},
		{"behind another name", "#define asks(x) __has_include(x)", true},
		{"over lines", "#if __has_include \\\n(\"a.h\")", true},
		{"none", "#include <a.h>", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := mentionsOf([]byte(tt.source)); got.computed != tt.computed {
				t.Errorf("got %+v", got)
			}
		})
	}
}
