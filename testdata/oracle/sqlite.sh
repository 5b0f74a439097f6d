# sqlite3: the shell with the library in it, with scripts of ours and thousands of generated statements on a database on disk.
package=sqlite3
deb_options='hardening=+all future=+lfs'
ldflags=-Wl,--as-needed
cflags='-fno-strict-aliasing -DSQLITE_SECURE_DELETE -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS
-DSQLITE_ENABLE_RTREE=1 -DSQLITE_SOUNDEX=1 -DSQLITE_ENABLE_UNLOCK_NOTIFY -DSQLITE_OMIT_LOOKASIDE=1 -DSQLITE_ENABLE_DBSTAT_VTAB
-DSQLITE_ALLOW_ROWID_IN_VIEW -DSQLITE_ENABLE_UPDATE_DELETE_LIMIT=1 -DSQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_ENABLE_JSON1
-DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS3_TOKENIZER=1 -DSQLITE_USE_URI=1 -DSQLITE_MAX_SCHEMA_RETRY=25
-DSQLITE_ENABLE_PREUPDATE_HOOK -DSQLITE_ENABLE_SESSION -DSQLITE_ENABLE_STMTVTAB -DSQLITE_MAX_VARIABLE_NUMBER=250000'
cflags=${cflags//$'\n'/ }

oracle_configure() {
	./configure --disable-shared --disable-tcl --disable-readline --enable-threadsafe --enable-load-extension --enable-json --enable-fts4 --enable-fts5
	make sqlite3.c shell.c
}
oracle_build() { make -j"$JOBS" sqlite3; }
oracle_install() { mkdir -p "$DESTDIR" && cp sqlite3 "$DESTDIR"; }

script() { run "$ROOT/sqlite3" "${@:2}" <"$ORACLE/sqlite/$1.sql"; }
again() { run "$ROOT/sqlite3" bulk.db .dump | sha256sum && run "$ROOT/sqlite3" -readonly bulk.db 'PRAGMA integrity_check; SELECT count(*), sum(a), max(b) FROM t;'; }
bulk() { awk -f "$ORACLE/sqlite/bulk.awk" >bulk.sql && run "$ROOT/sqlite3" -batch bulk.db <bulk.sql; }
command_line() { run "$ROOT/sqlite3" "$@"; }

oracle_check() {
	local file mode
	for file in "$ORACLE"/sqlite/*.sql; do
		file=${file##*/}
		t "${file%.sql}" script "${file%.sql}" "${file%.sql}.db"
	done
	t memory script queries :memory:
	t bulk bulk
	t again again
	for mode in ascii box column csv html insert json line list markdown quote table tabs tcl; do
		t "mode-$mode" command_line -cmd ".mode $mode" -header :memory: "SELECT 1 AS one, 'a\"b''c,d' AS text, NULL AS nothing, 2.5 AS real, x'0102' AS blob UNION ALL SELECT 2, 'é', 3, 4, 5"
	done
	t version command_line -version
	t help command_line -help
	t wrong command_line -no-such-option
	t error command_line -bail :memory: 'SELECT * FROM missing' 'SELECT 1'
	t nodb command_line /no/such/dir/x.db 'SELECT 1'
}
