package ld

import (
	"path/filepath"
	"strings"
	"testing"

	"gocare/internal/test/testkit"
)

// TestIdentity carries a unit over unchanged; the system linker is the oracle.
func TestIdentity(t *testing.T) {
	common := []string{"-fno-reorder-blocks-and-partition", "-fno-reorder-functions"}
	for _, tt := range []struct {
		name           string
		cflags, lflags []string
	}{
		{"O0 pie", []string{"-O0"}, nil},
		{"O2 pie", []string{"-O2"}, nil},
		{"O2 no-pie", []string{"-O2", "-fno-pie"}, []string{"-no-pie"}},
		{"O0 no-pie", []string{"-O0", "-fno-pie"}, []string{"-no-pie"}},
		{"lazy binding", []string{"-O2"}, []string{"-Wl,-z,lazy"}},
		{"bind now", []string{"-O2"}, []string{"-Wl,-z,now"}},
		{"no plt", []string{"-O2", "-fno-plt"}, nil},
		{"cf-protection", []string{"-O2", "-fcf-protection"}, []string{"-Wl,-z,ibtplt"}},
		{"PIC code in a pie", []string{"-O2", "-fPIC"}, nil},
		{"function sections", []string{"-O2", "-ffunction-sections", "-fdata-sections"}, nil},
		{"common", []string{"-O2", "-fcommon"}, nil},
		{"shared", []string{"-O2", "-fPIC"}, []string{"-shared"}},
		{"shared O0", []string{"-O0", "-fPIC"}, []string{"-shared"}},
		{"shared symbolic", []string{"-O2", "-fPIC"}, []string{"-shared", "-Wl,-Bsymbolic"}},
		{"shared symbolic functions", []string{"-O2", "-fPIC"}, []string{"-shared", "-Wl,-Bsymbolic-functions"}},
		{"shared tlsdesc", []string{"-O2", "-fPIC", "-mtls-dialect=gnu2"}, []string{"-shared"}},
		{"tlsdesc in a pie", []string{"-O2", "-fPIC", "-mtls-dialect=gnu2"}, nil},
		{"shared initial-exec", []string{"-O2", "-fPIC", "-ftls-model=initial-exec"}, []string{"-shared"}},
		{"static", []string{"-O2", "-fno-pie"}, []string{"-static"}},
		{"static pie", []string{"-O2"}, []string{"-static-pie"}},
		{"packed relocations", []string{"-O2"}, []string{"-Wl,-z,pack-relative-relocs"}},
		{"shared symbolic functions, packed relocations", []string{"-O2", "-fPIC"}, []string{"-shared", "-Wl,-Bsymbolic-functions", "-Wl,-z,pack-relative-relocs"}},
		{"code in pages with data", []string{"-O2"}, []string{"-Wl,-z,noseparate-code"}},
		{"code in pages of its own", []string{"-O2"}, []string{"-Wl,-z,separate-code"}},
		{"relocations kept", []string{"-O2"}, []string{"-Wl,--emit-relocs"}},
		{"relocations kept, no-pie", []string{"-O2", "-fno-pie"}, []string{"-no-pie", "-Wl,-q"}},
		{"no symbols", []string{"-O2", "-DNO_LINKER_SYMBOLS"}, []string{"-s"}},
		{"shared, no symbols", []string{"-O2", "-fPIC", "-DNO_LINKER_SYMBOLS"}, []string{"-shared", "-s"}},
		{"common, gold", []string{"-O2", "-fcommon"}, []string{"-fuse-ld=gold"}},
		{"common, lld", []string{"-O2", "-fcommon"}, []string{"-fuse-ld=lld"}},
		{"common, mold", []string{"-O2", "-fcommon", "-ftls-model=local-exec"}, []string{"-fuse-ld=mold"}},
		{"a name for another", []string{"-O2"}, []string{"-Wl,--defsym=maybe_absent=getpid_twin", "-Wl,--defsym=getpid_twin=use_weak"}},
		{"wrapped", []string{"-O2"}, []string{"-Wl,--wrap=hidden_global,--wrap=rand,--wrap=helper,--wrap=public_helper,--defsym=__wrap_public_helper=use_weak,--defsym=__wrap_hidden_global=use_weak,--defsym=__wrap_rand=use_weak"}},
		{"lld", []string{"-O2"}, []string{"-fuse-ld=lld"}},
		{"lld no-pie", []string{"-O2", "-fno-pie", "-DNO_WEAK"}, []string{"-fuse-ld=lld", "-no-pie"}},
		{"lld shared", []string{"-O2", "-fPIC"}, []string{"-fuse-ld=lld", "-shared"}},
		{"mold", []string{"-O2", "-ftls-model=local-exec"}, []string{"-fuse-ld=mold"}},
		{"mold no-pie", []string{"-O2", "-fno-pie", "-ftls-model=local-exec"}, []string{"-fuse-ld=mold", "-no-pie"}},
		{"mold shared", []string{"-O2", "-fPIC"}, []string{"-fuse-ld=mold", "-shared"}},
		{"gold", []string{"-O2"}, []string{"-fuse-ld=gold"}},
		{"gold shared", []string{"-O2", "-fPIC"}, []string{"-shared", "-fuse-ld=gold"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requireLinker(t, tt.lflags)
			b := linkProgram(t, compile(t, append(common, tt.cflags...)...), tt.lflags...)
			for _, flag := range strings.Split(strings.Join(tt.lflags, ","), ",") {
				if name, found := strings.CutPrefix(flag, "--wrap="); found {
					b.m.Wrapped = append(b.m.Wrapped, name)
				}
			}
			o := b.open(t)
			compareWithLinker(t, b, join(t, o, b.identityUnit(t, "main"), b.identityUnit(t, "other")))
		})
	}
}

// TestLibraryTLS carries over accesses to a thread-local variable that a library defines.
func TestLibraryTLS(t *testing.T) {
	const source = "extern __thread int lib_tls;\n" +
		"__attribute__((noinline)) int f(int x) { return lib_tls += x; }\n" +
		"int main(int argc, char **argv) { return f(argc) + f(2); }\n"
	for _, tt := range []struct{ name, flag string }{
		{"initial-exec", "-fPIE"},
		{"general-dynamic", "-fPIC"},
		{"general-dynamic, no plt", "-fPIC -fno-plt"},
		{"descriptor", "-fPIC -mtls-dialect=gnu2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Require(t, "gcc", "as")
			dir := t.TempDir()
			testkit.WriteFile(t, filepath.Join(dir, "lib.c"), "__thread int lib_tls = 3;\n")
			testkit.WriteFile(t, filepath.Join(dir, "main.c"), source)
			testkit.Run(t, dir, "gcc", "-shared", "-fPIC", "lib.c", "-o", "lib.so")
			testkit.Run(t, dir, "gcc", append(strings.Fields(tt.flag), "-fno-reorder-functions", "-O2", "-S", "main.c")...)
			testkit.Run(t, dir, "gcc", "-c", "main.s")
			testkit.Run(t, dir, "gcc", "main.o", "./lib.so", "-o", "out", "-Wl,-Map=out.map")
			b := openBuild(t, dir, "out")
			compareWithLinker(t, b, join(t, b.open(t), b.identityUnit(t, "main")))
		})
	}
}
