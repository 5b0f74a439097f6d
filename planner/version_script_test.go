package planner

import "testing"

func TestOnlyMoreNames(t *testing.T) {
	const script = "V1 { global: f; /* the rest */ local: *; };\nV2 { g; } V1;\n"
	for _, tt := range []struct {
		name, before, after string
		want                bool
	}{
		{"the same", script, script, true},
		{"a name more", script, "V1 { global: f; h; local: *; };\nV2 { g; } V1;\n", true},
		{"a name more, first and last", script, "V1 { global: a; f; local: *; };\nV2 { g; z; } V1;\n", true},
		{"a comment", script, "# new\nV1 { global: f; local: *; };\nV2 { g; } V1;\n", true},
		{"a name less", script, "V1 { global: local: *; };\nV2 { g; } V1;\n", false},
		{"a name that goes to another version", script, "V1 { global: local: *; };\nV2 { g; f; } V1;\n", false},
		{"a name of another version, too", script, "V1 { global: f; g; local: *; };\nV2 { g; } V1;\n", false},
		{"a name more that is local", script, "V1 { global: f; local: h; *; };\nV2 { g; } V1;\n", false},
		{"a pattern more", script, "V1 { global: f; h*; local: *; };\nV2 { g; } V1;\n", false},
		{"a name that a pattern may have", "V1 { f*; local: *; };", "V1 { f*; foo; local: *; };", false},
		{"a version more", script, script + "V3 { h; } V2;\n", false},
		{"another language", script, "V1 { global: f; extern \"C++\" { h; }; local: *; };\nV2 { g; } V1;\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := onlyMoreNames(tt.before, tt.after); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
