package endtoend

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"gocare/internal/test/testkit"
)

// Programs are built in many ways. Each script builds the sample of testdata/builds.txtar in one of them, makes its patch, and applies it.
func TestBuilds(t *testing.T) { runBuilds(t, "testdata/builds") }

// Those that make matrix runs.
func TestMatrixBuilds(t *testing.T) {
	if os.Getenv("GOCARE_MATRIX") == "" {
		t.Skip("make matrix runs this")
	}
	runBuilds(t, "testdata/matrix")
}

// runBuilds runs the scripts of a directory.
func runBuilds(t *testing.T, dir string) {
	bin := programs(t)
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("XDG_CACHE_HOME", env.WorkDir+"/cache")
			env.Setenv("CCACHE_DIR", env.WorkDir+"/ccache")
			env.Values["t"] = env.T().(testing.TB)
			return os.Mkdir(env.WorkDir+"/home", 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"requires": requires, "sample": sample, "patched": patched, "refused": refused, "live": live, "distccd": distccd,
		},
	})
}

func tb(ts *testscript.TestScript) testing.TB { return ts.Value("t").(testing.TB) }

// requires TOOL...: the script needs these.
func requires(ts *testscript.TestScript, _ bool, args []string) { testkit.Require(tb(ts), args...) }

// sample DIR: write the sample there, and go there.
func sample(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	archive, err := txtar.ParseFile(filepath.Join(testkit.Root(tb(ts)), "internal/test/endtoend/testdata/builds.txtar"))
	ts.Check(err)
	ts.Check(os.MkdirAll(dir, 0o755))
	for _, f := range archive.Files {
		ts.Check(os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644))
	}
	ts.Check(ts.Chdir(args[0]))
}

// patched [OPTION...]: patchmake makes a patch.
func patched(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("patchmake", args...))
}

// refused CODE [OPTION...]: patchmake refuses with that code; its message and hint are there for stdout.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("patchmake", append([]string{"--json"}, args[1:]...)...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		ts.Fatalf("want exit status 1, got %v", err)
	}
	if want := `"code": "` + args[0] + `"`; !strings.Contains(ts.ReadFile("stdout"), want) {
		ts.Fatalf("want %s", want)
	}
}

// distccd PATH DIR: compile for distcc on a port of 127.0.0.1 that $DISTCC_HOSTS then names, with the compilers of PATH, in DIR, until the test
// ends. What was compiled stands in DIR/log.
func distccd(ts *testscript.TestScript, _ bool, args []string) {
	path, dir := args[0], ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(os.Chmod(dir, 0o777)) // distccd becomes nobody where it is root
	log, err := os.Create(filepath.Join(dir, "log"))
	ts.Check(err)
	port, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := port.Accept()
			if err != nil {
				return
			}
			served.Go(func() { _ = serveDistcc(conn.(*net.TCPConn), path, dir, log) }) // the client says what went wrong
		}
	})
	ts.Defer(func() { port.Close(); served.Wait(); log.Close() })
	ts.Setenv("DISTCC_HOSTS", port.Addr().String())
}

// serveDistcc compiles what one client sends.
func serveDistcc(conn *net.TCPConn, path, dir string, log *os.File) error {
	defer conn.Close()
	socket, err := conn.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	cmd := exec.Command("distccd", "--inetd", "--enable-tcp-insecure", "--allow", "127.0.0.1", "--user", "nobody", "--log-stderr", "--log-level", "info")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + path, "TMPDIR=" + dir}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, log
	return cmd.Run()
}

// live PROGRAM [DIR]: the program answers as the original, with the patches of DIR (patchroot) as the patched source says, then as before.
func live(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(ts.MkAbs(args[0]))
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+ts.Getenv("LD_LIBRARY_PATH"))
	p := testkit.StartCmd(tb(ts), cmd)
	say := func(want string) {
		p.Send("x")
		if got := p.Next(); got != want {
			ts.Fatalf("got %q, want %q", got, want)
		}
	}
	dir := "patchroot"
	if len(args) > 1 {
		dir = args[1]
	}
	say("104")
	ts.Check(ts.Exec("carectl", "patch", "-p", strconv.Itoa(p.PID), dir))
	say("1107")
	ts.Check(ts.Exec("carectl", "unpatch", "-p", strconv.Itoa(p.PID), "-i", "0001"))
	say("110")
	p.CloseInput()
	p.Wait()
}
