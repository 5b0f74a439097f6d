package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a program that serves on a port of this machine.
type server struct {
	name  string
	start func(port int, dir, program string) *exec.Cmd
	// ask sends the request and reads whether the first line of the answer is that of the patched program.
	request, original, patched string
	workers                    int // so many children serve; 0: it serves itself
	load                       func(port int) load
}

const firstPort = 21401

func redis(ctx context.Context, s *soak) error {
	const requests = 100_000
	return s.serve(ctx, &server{
		name: "redis", request: "PING\r\n", original: "+PONG", patched: "+PONG patched",
		start: func(port int, dir, program string) *exec.Cmd {
			return commandOn(context.Background(), s.processors.load, program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir)
		},
		load: func(port int) load { return s.redisBenchmark(port, requests) },
	})
}

func nginx(ctx context.Context, s *soak) error {
	const seconds = 5
	return s.serve(ctx, &server{
		name: "nginx", request: "PUT /index.html HTTP/1.0\r\n\r\n", original: "HTTP/1.1 405 Not Allowed", patched: "HTTP/1.1 403 Forbidden", workers: 2,
		start: s.startNginx,
		load:  func(port int) load { return s.wrk(fmt.Sprintf("http://127.0.0.1:%d/index.html", port), seconds) },
	})
}

func (s *soak) startNginx(port int, dir, program string) *exec.Cmd {
	conf := fmt.Sprintf(`daemon off; worker_processes 2; pid %[1]s/pid; error_log %[1]s/error.log; user root;
events {}
http { access_log off; client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4;
scgi_temp_path %[1]s/t5; server { listen 127.0.0.1:%[2]d; root %[1]s; } }
`, dir, port)
	file := filepath.Join(dir, "nginx.conf")
	for name, text := range map[string]string{file: conf, filepath.Join(dir, "index.html"): "hello\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return nil
		}
	}
	return commandOn(context.Background(), s.processors.load, program, "-p", dir, "-c", file)
}

// build builds a server and its patch.
func (s *soak) build(ctx context.Context, name string) (program, patch string, err error) {
	out, err := exec.CommandContext(ctx, filepath.Join(s.root, "testdata/soak/build.sh"), name, filepath.Join(s.work, name)).CombinedOutput()
	paths := strings.Fields(string(out))
	if err != nil || len(paths) != 2 {
		return "", "", fmt.Errorf("build.sh: %w\n%s", err, out)
	}
	return paths[0], paths[1], nil
}

// started is a server that serves.
type started struct {
	*server
	cmd  *exec.Cmd
	port int
	pids []int // that serve
}

func (sv *server) run(port int, dir, program string) (*started, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := sv.start(port, dir, program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	st := &started{server: sv, cmd: cmd, port: port, pids: []int{cmd.Process.Pid}}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := st.serves()
		if err == nil {
			return st, nil
		}
		if time.Now().After(deadline) {
			st.end()
			return nil, fmt.Errorf("it does not serve: %w", err)
		}
	}
}

// serves finds those that serve, all of which are there: the first one may serve before the last has begun.
func (st *started) serves() error {
	if patched, err := st.ask(); err != nil || patched {
		return cmp.Or(err, errors.New("another process does, which is patched"))
	}
	if st.workers == 0 {
		return nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", st.cmd.Process.Pid))
	if err != nil {
		return err
	}
	st.pids = nil
	for _, word := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(word) // the kernel's own numbers
		st.pids = append(st.pids, pid)
	}
	if len(st.pids) != st.workers {
		return fmt.Errorf("%d of %d workers are there", len(st.pids), st.workers)
	}
	return nil
}

func (st *started) end() {
	_ = st.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = st.cmd.Wait()
}

// ask reports whether the answer is the patched program's.
func (st *started) ask() (patched bool, err error) {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", st.port), 10*time.Second)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a connection has deadlines
	if _, err := conn.Write([]byte(st.request)); err != nil {
		return false, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return false, err
	}
	switch line = strings.TrimSpace(line); line {
	case st.original:
		return false, nil
	case st.patched:
		return true, nil
	}
	return false, fmt.Errorf("it answers %q", line)
}

// serve soaks a server.
func (s *soak) serve(ctx context.Context, sv *server) error {
	program, patch, err := s.build(ctx, sv.name)
	if err != nil {
		return err
	}
	st, err := sv.run(firstPort, filepath.Join(s.work, sv.name, "run"), program)
	if err != nil {
		return err
	}
	defer st.end()
	other, err := sv.run(firstPort+1, filepath.Join(s.work, sv.name, "twin"), program)
	if err != nil {
		return err
	}
	defer other.end()
	b := &bout{
		name: sv.name, load: sv.load(st.port), most: s.cycles,
		served: &patient{soak: s, pids: st.pids, patch: patch, ask: st.ask},
		twin:   &patient{soak: s, pids: other.pids, patch: patch},
	}
	return b.run(ctx)
}
