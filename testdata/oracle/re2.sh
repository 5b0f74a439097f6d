# re2, C++: its own tests, one program each, with the shared library. Both are patched.
package=re2
deb_cxxflags='-O3 -Wall'
cxxflags='-std=c++11'

# Debian's sources come without the tables.
oracle_configure() {
	perl re2/make_perl_groups.pl >re2/perl_groups.cc
	python3 re2/make_unicode_groups.py >re2/unicode_groups.cc
	python3 re2/make_unicode_casefold.py >re2/unicode_casefold.cc
}
oracle_build() { make -f "$ORACLE/re2/re2.mk" -j"$JOBS"; }
oracle_install() { mkdir -p "$DESTDIR" && cp obj/libre2.so.9 obj/*_test "$DESTDIR"; }

# re2_test prints an address.
suite() { run "$ROOT/$1" 2>&1 | sed -E 's/0x[0-9a-f]{6,}/PTR/g'; }

oracle_check() {
	local program
	export LD_LIBRARY_PATH=$ROOT
	for program in "$ROOT"/*_test; do
		t "${program##*/}" suite "${program##*/}"
	done
}
