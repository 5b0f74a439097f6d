# redis-server: commands of ours in several roles, sent by redis-cli, which is not patched.
package=redis
deb_options=hardening=+all

oracle_build() {
	local flags=$CFLAGS
	[ "$LEVEL" != coverage ] || flags+=' -DCOVERAGE_TEST'
	CFLAGS=$flags make -C src -j"$JOBS" V=1 CC="$CC" AR="$AR" RANLIB="$RANLIB" MALLOC=libc USE_SYSTEMD=no BUILD_TLS=no \
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
plain() { sed -E '/age-seconds/{n; s/[0-9.]+/SECONDS/}; s/\b(age|idle|rbs|rbp|qbuf|qbuf-free|tot-mem)=[0-9]+/\1=N/g; s/[0-9a-f]{40}/ID/g; s/\b[23][0-9]{4}\b/PORT/g; s/1[0-9]{12}/TIME/g; s|'"$PWD"'|DIR|g'; }
# port N: one of its own for each role
port() { echo $((20000 + $$ % 900 * 10 + $1)); }

commands() {
	start a --port 0 --save ''
	{ cli a "${@:2}" <"$ORACLE/redis/$1.txt" 2>&1 || :; } | plain # QUIT is an error
	stop a
}
# unordered: in what the server tells of itself, names stand in an order that it chooses anew each time
unordered() { commands "$@" | sort; }
# awaited WANT COMMAND...: the first line that the command prints in the end; that is WANT unless it never comes
awaited() {
	local want=$1 got i
	shift
	for i in $(seq 300); do
		got=$("$@" 2>&1 | sed -n 1p) || :
		[ "$got" != "$want" ] || break
		sleep 0.1
	done
	echo "$got"
}
# line SERVER PATTERN COMMAND...: the lines of the reply that match
line() { cli "$1" "${@:3}" | tr -d '\r' | grep -aE "$2"; }
# replies FILE SERVER COMMAND...: sends a command whose reply comes later
replies() { cli "${@:2}" >"$1" 2>&1 & }
# silent: commands whose replies differ each time; only errors are looked at
silent() {
	start a --port 0 --save ''
	cli a <"$ORACLE/redis/quiet.txt" | grep -aE '^(ERR|WRONGTYPE|NOSCRIPT)' | plain
	cli a -3 <"$ORACLE/redis/quiet.txt" >/dev/null
	cli a KEYS '*' | sort
	cli a --bigkeys >/dev/null; cli a --memkeys >/dev/null; cli a --scan | sort; cli a --rdb got.rdb >/dev/null 2>&1; timeout 1 "$TREE/tools/redis-cli" -s a/s --latency-dist >/dev/null || :
	replies monitored a MONITOR
	replies subscribed a SUBSCRIBE ch
	replies subscribed2 a PSUBSCRIBE 'c*'
	awaited 'ch 1' number_of_subscribers
	awaited 1 cli a PUBSUB NUMPAT
	cli a PUBLISH ch message
	awaited message tail -n 1 subscribed
	awaited message tail -n 1 subscribed2
	awaited 1 grep -c '"PUBLISH" "ch" "message"' monitored
	cli a CLIENT KILL TYPE pubsub >/dev/null
	replies blocked a BLPOP queue 100
	replies blocked2 a BZPOPMIN zqueue 100
	replies blocked3 a XREAD BLOCK 100000 STREAMS stream '$'
	replies blocked4 a BLMOVE from to LEFT RIGHT 100
	awaited blocked_clients:4 line a blocked INFO clients
	cli a RPUSH queue item >/dev/null; cli a ZADD zqueue 1 item >/dev/null; cli a XADD stream 1-1 k v >/dev/null; cli a RPUSH from item >/dev/null
	awaited blocked_clients:0 line a blocked INFO clients
	stop a
	tail -n +1 blocked*
}
number_of_subscribers() { cli a PUBSUB NUMSUB ch | xargs; }
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
	cli a CLIENT KILL TYPE replica
	cli a <"$ORACLE/redis/strings.txt" >/dev/null; cli a SELECT 0
	cli a WAIT 1 10000
	same_after b "$(cli a DEBUG DIGEST)"
	cli b SET x 1
	awaited master cli a ROLE; awaited slave cli b ROLE
	awaited master_link_status:up line b master_link_status INFO replication
	cli a FAILOVER
	awaited slave cli a ROLE; awaited master cli b ROLE
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
	cli s SENTINEL MONITOR watched 127.0.0.1 "$a" 1
	awaited 'OK 1 usable Sentinels. Quorum and failover authorization can be reached' cli s SENTINEL CKQUORUM watched
	stop m s
}
cluster() {
	local a b
	a=$(port 5) b=$(port 6)
	start a --port "$a" --save '' --cluster-enabled yes
	start b --port "$b" --save '' --cluster-enabled yes --cluster-config-file other.conf
	cli a <"$ORACLE/redis/cluster.txt" | grep -E '^(OK|ERR|CROSSSLOT|MOVED|cluster_)' | grep -vE 'stats|epoch' | plain
	cli a CLUSTER ADDSLOTSRANGE 0 16383; cli a CLUSTER MEET 127.0.0.1 "$b"
	awaited cluster_known_nodes:2 line b known_nodes CLUSTER INFO
	awaited cluster_state:ok line a state CLUSTER INFO
	awaited cluster_state:ok line b state CLUSTER INFO
	cli b CLUSTER REPLICATE "$(cli a CLUSTER MYID)"
	awaited master_link_status:up line b master_link_status INFO replication
	cli a SET k v; cli a WAIT 1 10000; cli b GET k | plain; line b '_(state|known|size)' CLUSTER INFO
	awaited cluster_slaves:1 slaves_of_a
	cli b CLUSTER FAILOVER
	awaited master cli b ROLE
	awaited slave cli a ROLE
	awaited v cli b GET k
	stop a b
}
slaves_of_a() { echo "cluster_slaves:$(cli a CLUSTER REPLICAS "$(cli a CLUSTER MYID)" | grep -c slave)"; }
bench() {
	local options="--maxmemory 20mb --maxmemory-policy allkeys-lfu --activedefrag no --lazyfree-lazy-eviction yes"
	start a --port 0 --save '' $options
	"$TREE/tools/redis-benchmark" -s a/s -n 3000 -c 20 -P 8 -r 5000 -q >/dev/null 2>&1 || : # some of its commands fail for lack of memory
	"$TREE/tools/redis-benchmark" -s a/s -n 6000 -c 20 -d 5000 -r 100000 -q -t set,lpush >/dev/null 2>&1 || :
	cli a CONFIG SET maxmemory-policy volatile-ttl; cli a CONFIG SET maxmemory-policy allkeys-lru
	cli a INFO stats | grep -c evicted; cli a PING
	stop a
	start a --port 0 --save '' $options --io-threads 2 --io-threads-do-reads yes # these wait busily
	"$TREE/tools/redis-benchmark" -s a/s -n 1000 -c 20 -r 5000 -q -t set,get >/dev/null 2>&1 || :
	cli a PING
	stop a
}
program() { run "$ROOT/redis-server" "$@" | plain; }

# apart TEST...: a test with servers, which find nothing of those before
apart() { rm -rf a b m s && "$@"; }

oracle_check() {
	local file
	for file in strings collections streams; do
		t "$file" apart commands $file
		t "$file-resp3" apart commands $file -3
	done
	t server apart unordered server
	t silent apart silent
	t saved apart saved
	t saved-aof apart saved --appendonly yes --aof-use-rdb-preamble no
	t saved-mixed apart saved --appendonly yes --appendfsync always --rdbcompression no
	t replicated apart replicated
	t replicated-diskless apart replicated --repl-diskless-sync yes --requirepass ''
	t sentinel apart sentinel
	t cluster apart cluster
	t bench apart bench
	t help program --help
	t wrong program --no-such-option 1
	t memory program --test-memory 1
}
