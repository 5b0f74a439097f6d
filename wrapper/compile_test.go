package wrapper

import (
	"strings"
	"testing"
)

func TestWorthRecording(t *testing.T) {
	for args, want := range map[string]bool{
		"-c a.c":                   true,
		"-o prog a.o":              true,
		"--version":                false,
		"-E a.c":                   false,
		"-S a.c":                   false,
		"-Wl,--version":            false,
		"-Wl,--help -o prog a.o":   false,
		"-Wl,-z,now,--version a.o": false,
		"-shared -Wl,--version-script=v.map -o libs.so a.o": true,
		"-shared -Wl,--version-script,v.map -o libs.so a.o": true,
		"-shared -Wl,-version-script -Wl,v.map a.o":         true,
		"-Wl,-verbose -o prog a.o":                          true,
		"-Wl,-v -o prog a.o":                                true,
		"-Wl,-v":                                            false,
	} {
		if got := worthRecording(strings.Fields(args), t.TempDir()); got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
}

func TestSentHere(t *testing.T) {
	sent := []string{"-c", "-o", "/tmp/distccd_1.o", "/tmp/distccd_1.i"}
	for _, tt := range []struct {
		name string
		env  []string
		args []string
		want bool
	}{
		{"of another machine", []string{"_DISTCC_SAFEGUARD=1"}, sent, true},
		{"a source of that name", nil, sent, false},
		{"distcc compiles here", []string{"_DISTCC_SAFEGUARD=1"}, []string{"-c", "-o", "f.o", "f.c"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Process{Env: tt.env}
			if got := p.sentHere(tt.args); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestIsProbe(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		dir  string
		want bool
	}{
		{"autoconf", []string{"-c", "conftest.c"}, "/t", true},
		{"cmake", []string{"-c", "a.c"}, "/t/CMakeFiles/CMakeScratch/TryCompile-x", true},
		{"meson", []string{"/t/meson-private/tmpx/testfile.c"}, "/t", true},
		{"QEMU's configure", []string{"-o", "config-temp/qemu-conf.exe", "config-temp/qemu-conf.c"}, "/t", true},
		{"a source of QEMU", []string{"-c", "../util/qemu-config.c", "-o", "libqemuutil.a.p/util_qemu-config.c.o"}, "/t", false},
		{"any source", []string{"-c", "configure.c"}, "/t", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := isProbe(tt.args, tt.dir); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
