package isolate

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// childName is argv[0] of the program when it is executed anew to set up a view; argv[1] is the spec, the rest the command.
const childName = "gocare-isolate-child"

// Exit statuses of the child itself, beside those of the command.
const (
	exitSetup  = 125 // the view could not be set up
	exitNotRun = 126 // the command could not be executed
)

// NotSetUp reports whether a command of this package did not begin, as its view could not be set up.
func NotSetUp(p *os.ProcessState) bool { return p.ExitCode() == exitSetup }

// spec tells the child what to set up and do.
type spec struct {
	Op       string // "run", "probe", "write" or "watch"
	Tree     string // without symbolic links
	Mode     Mode   // "" for a view without layers
	Scratch  string
	Shared   []string
	Names    bool // a mount namespace was made
	User     bool // a user namespace too
	ReadOnly bool
	Writable []string
	Dir      string
	Lock     string // file every process of the view holds a shared lock on
	Parent   int    // run: PID of the program that asked
}

// parseSpec decodes what command encoded. Not JSON, which cannot carry file names that are not UTF-8.
func parseSpec(text string) (*spec, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	sp := &spec{}
	return sp, gob.NewDecoder(bytes.NewReader(data)).Decode(sp)
}

// command returns the command that runs args in the view.
func (sp *spec) command(ctx context.Context, env, args []string) *exec.Cmd {
	sp.Parent = os.Getpid()
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(sp); err != nil {
		panic(err) // strings and flags always encode
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = append([]string{childName, base64.StdEncoding.EncodeToString(text.Bytes())}, args...)
	cmd.Env = env
	cmd.Dir = "/"
	if env == nil {
		cmd.Env = os.Environ()
	}
	cmd.SysProcAttr = sp.attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd
}

// attributes asks for a process group, so that cancelling ends what the command started too, and for the namespaces. In a
// user namespace the user keeps his identity; the capabilities that mounting takes are ambient, so that they survive the
// program's own start, and dropped before the command's.
func (sp *spec) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if !sp.Names {
		return attr
	}
	attr.Cloneflags = syscall.CLONE_NEWNS
	if !sp.User {
		return attr
	}
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	attr.AmbientCaps = []uintptr{
		unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER,
		unix.CAP_FSETID, unix.CAP_CHOWN, unix.CAP_MKNOD, unix.CAP_SYS_CHROOT,
	}
	return attr
}

// do runs the child without a command and returns its output.
func (sp *spec) do(ctx context.Context, input []byte) ([]byte, error) {
	cmd := sp.command(ctx, nil, nil)
	var out, message bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &message
	err := cmd.Run()
	if text := strings.TrimSpace(message.String()); err != nil && text != "" {
		return nil, &childError{text: text, err: err}
	}
	return out.Bytes(), err
}

// childError is what the child said before it failed.
type childError struct {
	text string
	err  error
}

func (e *childError) Error() string { return e.text }
func (e *childError) Unwrap() error { return e.err }

// probeNamespaces sets sp.User so that the view can be set up, trying first without a user namespace when root.
func (sp *spec) probeNamespaces(ctx context.Context) error {
	probe := *sp
	probe.Op, probe.Names = "probe", true
	var all []string
	for _, user := range []bool{false, true} {
		if !user && os.Geteuid() != 0 {
			continue
		}
		probe.User = user
		_, err := probe.do(ctx, nil)
		if err == nil {
			sp.Names, sp.User = true, user
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all = append(all, fmt.Sprintf("%s: %v", kind(user), err))
	}
	return errors.New(strings.Join(all, "; "))
}

func kind(user bool) string {
	if user {
		return "user namespace"
	}
	return "mount namespace"
}
