.headers on
.mode box
.width 5 10
CREATE TABLE s(a INTEGER PRIMARY KEY, b TEXT, c REAL);
INSERT INTO s VALUES (1, 'x', 1.5), (2, 'long text that wraps', NULL), (3, 'a
b', 3);
SELECT * FROM s;
.nullvalue NULL
.mode list
.separator ; \n
SELECT * FROM s;
.tables
.schema
.fullschema
.indexes
.databases
.show
.dump
.dump s
.mode insert s
SELECT * FROM s;
.once out.csv
.mode csv
SELECT * FROM s;
.import out.csv imported
.import --csv --skip 1 out.csv imported
SELECT count(*) FROM imported;
.output out.txt
SELECT 1;
.output
.print printed "text"
.read out.txt
.save saved.db
.backup main backup.db
.open backup.db
SELECT count(*) FROM s;
.restore main saved.db
.clone clone.db
.recover
.sha3sum
.sha3sum --schema
.lint fkey-indexes
.dbinfo
.eqp full
SELECT b FROM s WHERE a = 2;
.eqp trigger
SELECT b FROM s WHERE a = 2;
.eqp off
.explain on
EXPLAIN SELECT 1;
.explain off
.expert
SELECT * FROM s WHERE b = 'x';
.parameter init
.parameter set :p 5
.parameter set @q 'text'
SELECT :p, @q;
.parameter list
.parameter unset :p
.parameter clear
.changes on
UPDATE s SET b = 'y' WHERE a = 1;
.changes off
.limit
.limit length 1000
.timeout 100
.trace stdout
SELECT 2;
.trace off
.selftest --init
.selftest
.stats off
.timer off
.bail off
.echo on
SELECT 3;
.echo off
.prompt a b
.binary off
.auth on
SELECT count(*) FROM s;
.auth off
.dbconfig
.filectrl persist_wal
.vfsname
.vfslist
.progress 1000
.progress 0
.session open main one
.session one attach s
UPDATE s SET c = 9 WHERE a = 2;
INSERT INTO s VALUES (10, 'ten', 10);
DELETE FROM s WHERE a = 1;
.session one changeset change.bin
.session one patchset patch.bin
.session one isempty
.session list
.session one close
.mode list
.archive --create --file ar.db out.csv out.txt
.archive --list --file ar.db
.archive --extract --file ar.db
.connection 1
.connection
.connection 0
.excel --help
.help .mode
.help
.unknown
.mode nope
.system echo system
.shell echo shell
.cd .
.log off
.scanstats off
.testcase one
SELECT 1;
.check 1
.imposter off
.wheretrace
.load ./no-such-extension
SELECT shell_add_schema('CREATE TABLE x(y)', 'main', NULL), sha3('a', 256), decimal_add('1.5', '2.25'), decimal_cmp('1', '2'), decimal_mul('1.1', '1.1'), ieee754(2.5), ieee754_mantissa(1.5), base64(x'0102'), regexp('^a+b', 'aab'), 'xay' REGEXP 'a[a-z]$', uint('5') IS NULL;
SELECT regexp('(a|b)*c\d{2,3}[^x-z]', 'abac123w'), regexpi('ABC', 'xabcx'), edit IS NULL FROM (SELECT 1 AS edit);
SELECT name FROM fsdir('out.csv');
SELECT usleep(1), strtod('1.5'), dtostr(1.5), writefile('w.txt', 'text'), CAST(readfile('w.txt') AS TEXT);
SELECT * FROM completion('SEL', 'SEL') LIMIT 3;
SELECT name, cast(data AS TEXT) FROM zipfile('no.zip');
.quit
