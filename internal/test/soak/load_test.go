package main

import (
	"testing"
	"time"
)

func TestParseWrk(t *testing.T) {
	const quiet = `Running 5s test @ http://127.0.0.1:21402/index.html
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.24ms    8.11ms  99.47ms   93.31%
  Latency Distribution
     50%    0.95ms
     99%   43.21ms
  130012 requests in 5.01s, 30.50MB read
Requests/sec:  25950.61
`
	for _, tt := range []struct {
		name, out string
		want      latency
	}{
		{"all answered", quiet, latency{43210 * time.Microsecond, 130012, 0}},
		{"errors", quiet + "  Socket errors: connect 1, read 20, write 300, timeout 4000\n", latency{43210 * time.Microsecond, 130012, 4321}},
		{"bad answers", quiet + "  Non-2xx or 3xx responses: 17\n", latency{43210 * time.Microsecond, 130012, 17}},
	} {
		if got, err := parseWrk(tt.out); got != tt.want || err != nil {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
	if _, err := parseWrk("unable to connect to 127.0.0.1:1\n"); err == nil {
		t.Error("no error of an output without numbers")
	}
}

func TestParseRedis(t *testing.T) {
	const out = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"PING_MBULK","50000.00","0.5","0.1","0.4","0.9","1.503","3.0"
"SET","40000.00","0.5","0.1","0.4","0.9","2.007","3.0"
`
	if got, err := parseRedis(out, 1000); err != nil || got != (latency{2007 * time.Microsecond, 2000, 0}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "Could not connect to Redis at 127.0.0.1:1: Connection refused\n", out + "Error from server: ERR\n"} {
		if got, err := parseRedis(bad, 1000); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestLeaked(t *testing.T) {
	before := counts{maps: 40, fds: 9, threads: 4, size: 30000, resident: 6000}
	for _, tt := range []struct {
		name   string
		change func(*counts)
		leaks  bool
	}{
		{"nothing", func(*counts) {}, false},
		{"less", func(c *counts) { c.fds-- }, false},
		{"its own buffers", func(c *counts) { c.size += 100; c.resident += 100 }, false},
		{"a mapping", func(c *counts) { c.maps++ }, true},
		{"a file", func(c *counts) { c.fds++ }, true},
		{"a thread", func(c *counts) { c.threads++ }, true},
		{"memory", func(c *counts) { c.resident += 2000 }, true},
		{"addresses", func(c *counts) { c.size += 2000 }, true},
	} {
		after := before
		tt.change(&after)
		if err := after.leaked(before); (err != nil) != tt.leaks {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
