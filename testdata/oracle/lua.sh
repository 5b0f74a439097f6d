# lua5.4: the interpreter, with scripts of ours, and its compiler.
package=lua5.4
deb_cflags='-Wall -Wextra'
cflags='-std=gnu99 -DLUA_COMPAT_5_3 -DLUA_COMPAT_MATHLIB -DLUA_USE_LINUX'
ldflags='-Wl,-E'

oracle_configure() { echo '#define DEB_HOST_MULTIARCH "'"${host:-x86_64-linux-gnu}"'"' >src/lua5.4-deb-multiarch.h; }
oracle_build() { make -C src -f "$ORACLE/lua/lua.mk" -j"$JOBS"; }
oracle_install() { mkdir -p "$DESTDIR" && cp src/lua src/luac "$DESTDIR"; }

script() { (cd "$ORACLE/lua" && run "$ROOT/lua" "$1" <<<"first line"); }
options() { run "$ROOT/lua" "$@"; }
compiled() { run "$ROOT/luac" -o "$1.out" "$ORACLE/lua/$1" && sha256sum <"$1.out" && (cd "$ORACLE/lua" && run "$ROOT/lua" "$OLDPWD/$1.out" <<<x); }
# Addresses are taken out of listings.
listed() { run "$ROOT/luac" $1 -p "$ORACLE/lua/$2" | sed -E 's/0x[0-9a-f]{6,}/PTR/g'; }
input() { printf '%s\n' "$@" | run "$ROOT/lua" -i 2>&1 | sed -E 's/0x[0-9a-f]{6,}/PTR/g'; }

oracle_check() {
	local file
	for file in "$ORACLE"/lua/*.lua; do
		file=${file##*/}
		t "script-$file" script "$file"
		t "listing-$file" listed -l "$file"
		t "full-$file" listed "-l -l" "$file"
	done
	t compiled compiled compute.lua
	t stripped listed -s compute.lua
	t version options -v
	t expression options -e 'print(1, ...)' -W -E
	t arguments options - a b
	t library options -lmath -e 'print(math.pi)'
	t usage options -x
	t error options -e 'error({})'
	t error-object options -e 'error(setmetatable({}, {__tostring = function() return "mine" end}))'
	t exit options -e 'os.exit(7, true)'
	t missing options no-such-file.lua
	t luac-usage run "$ROOT/luac" -x
	t luac-error run "$ROOT/luac" -p no-such-file.lua
	t interactive input '1 + 1' 'x = ' '5' '= x' 'error("e")' 'for i = 1, 2 do' 'print(i)' 'end' 'function(' 'return nil, 3'
	LUA_INIT='print("init")' t init options -e 'print(2)'
}
