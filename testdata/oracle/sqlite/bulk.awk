# Thousands of statements on a database on disk, the same every time.
function r(n) { seed = (seed * 1103515245 + 12345) % 2147483648; return int(seed / 65536) % n }
function word() { return substr("alphabravocharliedeltaechofoxtrotgolfhotelindiajuliett", 1 + r(40), 3 + r(8)) }
function value() { k = r(6); return k == 0 ? r(1000) : k == 1 ? "'" word() "'" : k == 2 ? "NULL" : k == 3 ? r(1000) / 8 : k == 4 ? "x'" sprintf("%04x", r(65536)) "'" : -r(100000) }
function cond() {
	k = r(12); n = r(500)
	if (k == 0) return "a > " n
	if (k == 1) return "b LIKE '%" substr(word(), 1, 2) "%'"
	if (k == 2) return "c IS NULL"
	if (k == 3) return "a BETWEEN " n " AND " n + 50
	if (k == 4) return "a IN (SELECT x FROM u WHERE y < " n ")"
	if (k == 5) return "EXISTS (SELECT 1 FROM u WHERE u.x = t.a)"
	if (k == 6) return "(a + 1) % 7 = " n % 7 " OR d > " n
	if (k == 7) return "NOT (b >= '" word() "' AND b < 'p')"
	if (k == 8) return "(a, d) > (" n ", " n % 9 ")"
	if (k == 9) return "typeof(c) = 'integer' AND c <> " n
	if (k == 10) return "b GLOB '*" substr(word(), 1, 1) "*'"
	return "id IN (" n ", " n + 1 ", " n * 2 ")"
}
BEGIN {
	seed = 42
	print "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA cache_size = 50;"
	print "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b TEXT COLLATE NOCASE, c, d REAL DEFAULT 1.5, CHECK (id > 0));"
	print "CREATE INDEX ta ON t(a, b); CREATE INDEX tb ON t(b) WHERE a > 100; CREATE INDEX te ON t(a * 2 + d);"
	print "CREATE TABLE u(x INT REFERENCES v(k) DEFERRABLE INITIALLY DEFERRED, y INT, PRIMARY KEY (x, y)) WITHOUT ROWID;"
	print "CREATE TABLE v(k INTEGER PRIMARY KEY AUTOINCREMENT, w UNIQUE);"
	print "CREATE TABLE log(n INTEGER PRIMARY KEY, what TEXT);"
	print "CREATE TRIGGER t_del AFTER DELETE ON t BEGIN INSERT INTO log(what) VALUES ('del ' || old.id); END;"
	print "CREATE TRIGGER t_upd AFTER UPDATE OF a ON t WHEN new.a > old.a BEGIN INSERT INTO log(what) VALUES ('up ' || new.id); END;"
	for (i = 1; i <= 1000; i++) print "INSERT OR IGNORE INTO v(w) VALUES ('" word() r(300) "');"
	for (i = 1; i <= 4000; i++) {
		k = r(20)
		if (k < 7) print "INSERT INTO t(a, b, c) VALUES (" r(500) ", '" word() "', " value() ");"
		else if (k == 7) print "INSERT OR REPLACE INTO t(id, a, b) VALUES (" 1 + r(900) ", " r(500) ", '" word() "');"
		else if (k == 8) print "INSERT INTO u VALUES (" 1 + r(300) ", " r(500) ") ON CONFLICT DO UPDATE SET y = y + 1000;"
		else if (k == 9) print "UPDATE t SET a = a + " r(5) ", c = " value() " WHERE " cond() " LIMIT 20;"
		else if (k == 10) print "DELETE FROM t WHERE " cond() " ORDER BY id LIMIT 5;"
		else if (k == 11) print "SELECT count(*), total(d), min(b), max(c) FROM t WHERE " cond() ";"
		else if (k == 12) print "SELECT id, a, b, quote(c) FROM t WHERE " cond() " ORDER BY b, a DESC, id LIMIT 5 OFFSET " r(4) ";"
		else if (k == 13) print "SELECT b, count(*) FROM t WHERE " cond() " GROUP BY b HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT 5;"
		else if (k == 14) print "SELECT t.id, v.w FROM t JOIN u ON t.a = u.x LEFT JOIN v ON v.k = u.y WHERE " cond() " ORDER BY 1, 2 LIMIT 4;"
		else if (k == 15) print "SELECT a FROM t WHERE " cond() " UNION SELECT y FROM u EXCEPT SELECT k FROM v WHERE k < 200 ORDER BY 1 LIMIT 5;"
		else if (k == 16) print "SAVEPOINT s; UPDATE t SET d = d * 2 WHERE " cond() "; ROLLBACK TO s; RELEASE s;"
		else if (k == 17) print "BEGIN; DELETE FROM u WHERE x = " r(300) "; INSERT INTO log(what) SELECT b FROM t WHERE " cond() " LIMIT 3; " (r(2) ? "COMMIT;" : "ROLLBACK;")
		else if (k == 18) print "SELECT id, row_number() OVER (PARTITION BY a % 5 ORDER BY id) FROM t WHERE " cond() " ORDER BY id LIMIT 4;"
		else print "WITH RECURSIVE n(i) AS (SELECT " r(5) " UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT sum(i), (SELECT count(*) FROM t WHERE a = i) FROM n;"
	}
	print "SELECT count(*), sum(length(what)) FROM log; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA integrity_check; PRAGMA foreign_key_check;"
}
