# redis-server: commands of ours in several roles, sent by redis-cli, which is not patched.
package=redis
deb_options=hardening=+all

oracle_build() {
	local flags=$CFLAGS
	[ "$LEVEL" != coverage ] || flags+=' -DCOVERAGE_TEST'
	CFLAGS=$flags make -C src -j"$JOBS" V=1 MALLOC=libc USE_SYSTEMD=no BUILD_TLS=no \
		OPTIMIZATION="$(printf '%s\n' $CFLAGS | grep '^-O' | tail -n 1)" redis-server redis-cli redis-benchmark
}
oracle_install() {
	mkdir -p "$DESTDIR" tools && cp src/redis-server "$DESTDIR" && cp src/redis-cli src/redis-benchmark tools
}

# start DIR OPTION...: starts a server with its socket in DIR and waits until it answers
start() {
	local dir=$1 i
	mkdir -p "$dir"
	(cd "$dir" && replace "$ROOT/redis-server" "${@:2}" --unixsocket "$PWD/s" --dir "$PWD" --enable-debug-command yes --enable-module-command yes >>log 2>&1) &
	for i in $(seq 300); do
		[ "$(cli "$dir" PING 2>&1)" != PONG ] || return 0
		sleep 0.1
	done
	tail "$dir/log"
	return 1
}
cli() { "$TREE/tools/redis-cli" -s "$1/s" "${@:2}"; }
# stop DIR...: ends the servers; their statuses
stop() {
	local dir
	for dir; do cli "$dir" SHUTDOWN NOSAVE >/dev/null 2>&1 || :; done
	wait && echo stopped
}
# plain takes out what differs from run to run: ids, ports, times.
plain() { sed -E 's/^(Could not connect to|Error: Connection reset|Error: Server closed).*/CLOSED/; s/^"?0\.00[0-9]+"?$/SECONDS/; s/^(functions name ).*/\1NAME/; s/[0-9a-f]{40}/ID/g; s/\b[23][0-9]{4}\b/PORT/g; s/1[0-9]{12}/TIME/g; s|'"$PWD"'|DIR|g'; }
# port N: one of its own for each role
port() { echo $((20000 + $$ % 900 * 10 + $1)); }

commands() {
	start a --port 0 --save ''
	{ cli a "${@:2}" <"$ORACLE/redis/$1.txt" || :; } | plain # QUIT is an error
	stop a
}
# unordered: the members of a set stand in an order that the server chooses anew each time
unordered() { commands "$@" | sort; }
# silent: commands whose replies differ each time; only errors are looked at
silent() {
	start a --port 0 --save ''
	cli a <"$ORACLE/redis/quiet.txt" | grep -aE '^(ERR|WRONGTYPE|NOSCRIPT)' | plain
	cli a -3 <"$ORACLE/redis/quiet.txt" >/dev/null
	cli a KEYS '*' | sort
	cli a --bigkeys >/dev/null; cli a --memkeys >/dev/null; cli a --scan | sort; cli a --rdb got.rdb >/dev/null 2>&1; timeout 1 "$TREE/tools/redis-cli" -s a/s --latency-dist >/dev/null || :
	timeout 1 "$TREE/tools/redis-cli" -s a/s MONITOR >monitored & sleep 0.3
	timeout 1 "$TREE/tools/redis-cli" -s a/s PSUBSCRIBE 'c*' >subscribed & timeout 1 "$TREE/tools/redis-cli" -s a/s SUBSCRIBE ch >subscribed2 & sleep 0.4
	cli a PUBLISH ch message
	cli a BLPOP queue 5 & cli a BZPOPMIN zqueue 5 & cli a XREAD BLOCK 5000 STREAMS stream '$' & cli a BLMOVE from to LEFT RIGHT 5 & sleep 0.4
	cli a RPUSH queue item >/dev/null; cli a ZADD zqueue 1 item >/dev/null; cli a XADD stream 1-1 k v >/dev/null; cli a RPUSH from item >/dev/null
	sleep 1
	tail -n 1 subscribed subscribed2
	stop a | sort
}
fill() {
	cli "$1" DEBUG POPULATE 2000 key 50
	cli "$1" <"$ORACLE/redis/collections.txt" >/dev/null
	cli "$1" <"$ORACLE/redis/streams.txt" >/dev/null
	cli "$1" SET volatile v EX 100000
	cli "$1" FUNCTION LOAD "$(printf "#!lua name=kept\nredis.register_function('kept', function() return 1 end)")"
}
until_idle() {
	local i
	for i in $(seq 200); do
		cli "$1" INFO persistence | grep -qE '^(rdb_bgsave_in_progress|aof_rewrite_in_progress|aof_rewrite_scheduled|loading):1' || return 0
		sleep 0.1
	done
}
same_after() { [ "$(cli "$1" DEBUG DIGEST)" = "$2" ] && echo "same data"; }
# saved OPTION...: what is in memory comes back after a restart
saved() {
	local digest
	start a --port 0 "$@"
	fill a
	digest=$(cli a DEBUG DIGEST)
	cli a DEBUG RELOAD && same_after a "$digest"
	cli a BGREWRITEAOF; until_idle a
	cli a DEBUG LOADAOF && same_after a "$digest"
	cli a INCR counter; digest=$(cli a DEBUG DIGEST)
	cli a BGSAVE; until_idle a
	cli a SAVE; stop a
	start a --port 0 "$@"; until_idle a
	same_after a "$digest"
	stop a
	for f in a/dump.rdb a/appendonlydir/*.rdb; do [ ! -e "$f" ] || { checked rdb "$f"; }; done
	[ ! -e a/appendonlydir ] || checked aof a/appendonlydir/*.manifest
}
# checked KIND FILE: the server under another name
checked() {
	ln -sf "$ROOT/redis-server" "redis-check-$1"
	run "./redis-check-$1" "$2" | grep -vE '[0-9]' || echo "status $?"
}
replicated() {
	local a b
	a=$(port 1) b=$(port 2)
	start a --port "$a" --save '' --repl-diskless-sync-delay 0 "$@"
	fill a
	start b --port "$b" --save '' --replicaof 127.0.0.1 "$a" --appendonly yes
	cli a WAIT 1 10000
	same_after b "$(cli a DEBUG DIGEST)"
	cli a CLIENT KILL TYPE replica; sleep 1.5
	cli a <"$ORACLE/redis/strings.txt" >/dev/null; cli a SELECT 0
	cli a WAIT 1 10000
	same_after b "$(cli a DEBUG DIGEST)"
	cli b SET x 1
	cli a ROLE | head -n 1; cli b ROLE | head -n 1
	cli a FAILOVER; sleep 2
	cli a ROLE | head -n 1; cli b ROLE | head -n 1
	cli b REPLICAOF NO ONE; cli b SET x 1
	stop a b
}
sentinel() {
	local a s
	a=$(port 3) s=$(port 4)
	start m --port "$a" --save ''
	mkdir s && : >s/sentinel.conf
	start s ./sentinel.conf --sentinel --port "$s"
	sed "s/127.0.0.1 1 /127.0.0.1 $a /" "$ORACLE/redis/sentinel.txt" >commands
	cli s <commands | grep -vE '^[0-9]+$' | plain | sort | uniq | grep -E '^(OK|ERR|PONG|sentinel|No|Invalid)' || :
	cli s SENTINEL MONITOR watched 127.0.0.1 "$a" 1; sleep 2
	cli s SENTINEL CKQUORUM watched
	stop m s
}
cluster() {
	local a b
	a=$(port 5) b=$(port 6)
	start a --port "$a" --save '' --cluster-enabled yes
	start b --port "$b" --save '' --cluster-enabled yes --cluster-config-file other.conf
	cli a <"$ORACLE/redis/cluster.txt" | grep -E '^(OK|ERR|CROSSSLOT|MOVED|cluster_)' | grep -vE 'stats|epoch' | plain
	cli a CLUSTER ADDSLOTSRANGE 0 16383; cli a CLUSTER MEET 127.0.0.1 "$b"; sleep 3
	cli b CLUSTER REPLICATE "$(cli a CLUSTER MYID)"; sleep 2
	cli a SET k v; cli a INFO cluster | plain; cli b GET k | plain; cli b CLUSTER INFO | grep -E '_(state|known|size)'
	cli b CLUSTER FAILOVER; sleep 2; cli b ROLE | head -n 1
	stop a b
}
bench() {
	start a --port 0 --save '' --io-threads 2 --io-threads-do-reads yes --maxmemory 20mb --maxmemory-policy allkeys-lfu --activedefrag no --lazyfree-lazy-eviction yes
	"$TREE/tools/redis-benchmark" -s a/s -n 3000 -c 20 -P 8 -r 5000 -q >/dev/null 2>&1 || : # some of its commands fail for lack of memory
	"$TREE/tools/redis-benchmark" -s a/s -n 6000 -c 20 -d 5000 -r 100000 -q -t set,lpush >/dev/null 2>&1 || :
	cli a CONFIG SET maxmemory-policy volatile-ttl; cli a CONFIG SET maxmemory-policy allkeys-lru
	cli a INFO stats | grep -c evicted; cli a PING
	stop a
}
program() { run "$ROOT/redis-server" "$@" | plain; }

oracle_check() {
	local file
	for file in strings collections streams; do
		t "$file" unordered $file
		t "$file-resp3" unordered $file -3
	done
	t server unordered server
	t silent silent
	t saved saved
	t saved-aof saved --appendonly yes --aof-use-rdb-preamble no
	t saved-mixed saved --appendonly yes --appendfsync always --rdbcompression no
	t replicated replicated
	t replicated-diskless replicated --repl-diskless-sync yes --requirepass ''
	t sentinel sentinel
	t cluster cluster
	t bench bench
	t help program --help
	t wrong program --no-such-option 1
	t memory program --test-memory 1
}
