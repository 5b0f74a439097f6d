package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"gocare/internal/fault"
	"gocare/internal/test/handpatch"
	"gocare/internal/test/testkit"
	"gocare/internal/trust"
)

// siteVariable tells the test binary, when it plays carectl, of the site of a test. carectl itself knows no such variable.
const siteVariable = "CARECTL_TEST_SITE"

// site is a machine's directory with a policy and keys.
type site struct {
	dir string
	key minisign.PrivateKey // one that the machine trusts
}

func newSite(t *testing.T, policy string) *site {
	t.Helper()
	s := &site{dir: filepath.Join(t.TempDir(), "gocare")}
	if err := os.MkdirAll(filepath.Join(s.dir, "trust.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.key = s.newKey(t, "maker")
	if policy != "" {
		testkit.WriteFile(t, filepath.Join(s.dir, "policy"), policy)
	}
	old := machine
	machine = trust.Site{Dir: s.dir, Owner: os.Getuid()}
	t.Cleanup(func() { machine = old })
	t.Setenv(siteVariable, s.dir)
	return s
}

// newKey makes a key and, if it has a name, lets the machine trust it.
func (s *site) newKey(t *testing.T, name string) minisign.PrivateKey {
	t.Helper()
	_, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		testkit.WriteFile(t, s.path(name), publicText(t, private))
	}
	return private
}

// publicText is the text of the public half of a key.
func publicText(t *testing.T, key minisign.PrivateKey) string {
	t.Helper()
	text, err := key.Public().(minisign.PublicKey).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// path is where the public key of a name lies.
func (s *site) path(name string) string { return filepath.Join(s.dir, "trust.d", name+".pub") }

// sign writes the signature of a file beside it.
func sign(t *testing.T, key minisign.PrivateKey, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, path+".minisig", string(minisign.SignWithComments(key, data, "timestamp:1 file:x", "signature")))
}

const required = "require-signature yes\n"

// TestSigned: what is signed by a key that the machine trusts is applied, checked and started; anything else changes nothing.
func TestSigned(t *testing.T) {
	g := start(t)
	id := filepath.Base(strings.TrimSuffix(g.patch, ".kpatch"))
	content, err := os.ReadFile(g.patch)
	if err != nil {
		t.Fatal(err)
	}
	// A directory with the patch in each of the forms, and others that this process is not concerned by.
	lay := func(t *testing.T, name string) (dir, path string) {
		dir = t.TempDir()
		path = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.WriteFile(t, path, string(content))
		return dir, path
	}
	flat, latest := id+".kpatch", filepath.Join(id, "latest", "kpatch.bin")
	tests := []struct {
		name   string
		policy string
		file   string
		lay    func(t *testing.T, s *site, path string)
		inDir  bool // name the directory
		args   []string
		code   string // "": it is applied
	}{
		{name: "not required", policy: "require-signature no", file: flat, lay: unsigned},
		{name: "no policy", file: flat, lay: unsigned},
		{name: "not required, of an unknown key", file: flat, lay: signedByOther},
		{name: "signed", policy: required, file: flat, lay: signed},
		{name: "signed, in a directory", policy: required, file: flat, lay: signed, inDir: true},
		{name: "signed, in a deep directory", policy: required, file: latest, lay: signed, inDir: true},
		{name: "signed, by option", file: flat, lay: signed, args: []string{"--require-signature"}},
		{name: "unsigned", policy: required, file: flat, lay: unsigned, code: "unsigned"},
		{name: "unsigned, in a directory", policy: required, file: flat, lay: unsigned, inDir: true, code: "unsigned"},
		{name: "unsigned, in a deep directory", policy: required, file: latest, lay: unsigned, inDir: true, code: "unsigned"},
		{name: "unsigned, by option", file: flat, lay: unsigned, args: []string{"--require-signature"}, code: "unsigned"},
		{name: "option against a policy that asks for none", policy: "require-signature no", file: flat, lay: unsigned, args: []string{"--require-signature"}, code: "unsigned"},
		{name: "policy against an option", policy: required, file: flat, lay: unsigned, args: []string{"--require-signature=false"}, code: "unsigned"},
		{name: "unknown key", policy: required, file: flat, lay: signedByOther, code: "unknown-key"},
		{name: "key removed", policy: required, file: flat, lay: keyRemoved, code: "unknown-key"},
		{name: "no keys", policy: required, file: flat, lay: noKeys, code: "unknown-key"},
		{name: "key expired", policy: "key-until $KEY 2020-01-01\n" + required, file: flat, lay: signed, code: "key-expired"},
		{name: "key counts", policy: "key-until $KEY 2999-12-31\n" + required, file: flat, lay: signed},
		{name: "file changed", policy: required, file: flat, lay: changed, code: "bad-signature"},
		{name: "signature of another file", policy: required, file: flat, lay: otherSignature, code: "bad-signature"},
		{name: "comment changed", policy: required, file: flat, lay: otherComment, code: "bad-signature"},
		{name: "signature cut off", policy: required, file: flat, lay: cutSignature, code: "bad-signature"},
		{name: "signature is a directory", policy: required, file: flat, lay: directorySignature, code: "bad-signature"},
		{name: "another file of the directory is unsigned", policy: required, file: flat, lay: neighbour, inDir: true, code: "unsigned"},
		{name: "a file of the directory that is no patch's", policy: required, file: flat, lay: bystander, inDir: true},
		{name: "policy not understood", policy: "require-signatures yes", file: flat, lay: signed, code: "bad-policy"},
		{name: "policy others may write", policy: required, file: flat, lay: openPolicy, code: "unsafe-trust"},
		{name: "key others may write", policy: required, file: flat, lay: openKey, code: "unsafe-trust"},
		{name: "keys others may add", policy: required, file: flat, lay: openKeys, code: "unsafe-trust"},
		{name: "site others may write, without a policy", file: flat, lay: openSite, code: "unsafe-trust"},
		{name: "key is a link", policy: required, file: flat, lay: linkedKey, code: "unsafe-trust"},
		{name: "key is damaged", policy: required, file: flat, lay: damagedKey, code: "bad-policy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, "")
			if tt.policy != "" {
				testkit.WriteFile(t, filepath.Join(s.dir, "policy"), strings.ReplaceAll(tt.policy, "$KEY", trust.KeyID(s.key.ID())))
			}
			arg, path := lay(t, tt.file)
			tt.lay(t, s, path)
			if !tt.inDir {
				arg = path
			}
			r := carectl(t, append([]string{"info", "-p", g.pid, "--json", arg}, tt.args...)...)
			if refused := r.exit == 1 && code(r.out) == tt.code; refused != (tt.code != "") || !refused && r.exit != 3 {
				t.Errorf("info: exit %d, code %q, want %q", r.exit, code(r.out), tt.code)
			}
			for _, args := range [][]string{
				{"check", "-p", g.pid, "--json", arg}, {"patch", "-p", g.pid, "--json", arg}, {"run", "--json", arg, "--", g.program},
			} {
				if args[0] == "run" && tt.code == "" {
					continue // TestRunSigned
				}
				r := carectlOf(t, append(append([]string{args[0]}, tt.args...), args[1:]...)...)
				if (r.exit == 0) != (tt.code == "") || code(r.out) != tt.code {
					t.Errorf("%s: exit %d, code %q, want %q", args[0], r.exit, code(r.out), tt.code)
				}
			}
			applied := g.ask() == "value 66"
			if applied != (tt.code == "") {
				t.Errorf("applied: %t", applied)
			}
			if applied {
				carectl(t, "unpatch", "-p", g.pid, "-i", "0001", "--unmap")
			}
		})
	}
}

// TestInfoOfSignatures: where no signature is required, info says what speaks against each.
func TestInfoOfSignatures(t *testing.T) {
	g := start(t)
	s := newSite(t, "")
	for _, tt := range []struct {
		want string
		lay  func(*testing.T, *site, string)
	}{
		{"unsigned", unsigned},
		{"signed", signed},
		{"unknown-key", signedByOther},
		{"bad-signature", func(t *testing.T, _ *site, path string) {
			testkit.WriteFile(t, path+trust.SignatureSuffix, "no signature")
		}},
	} {
		tt.lay(t, s, g.patch)
		for _, arg := range []string{g.patch, filepath.Dir(g.patch)} {
			found := surveyed(t, 3, "-p", g.pid, arg)
			if len(found.Processes) != 1 || found.Processes[0].Objects[0].Signed != tt.want {
				t.Errorf("%s: %+v", tt.want, found)
			}
		}
		if r := carectl(t, "info", "-p", g.pid, g.patch); !strings.Contains(r.out, "Signature:            "+tt.want+"\n") {
			t.Errorf("%s: %s", tt.want, r.out)
		}
	}
}

// TestRunSigned: a command starts with a signed patch.
func TestRunSigned(t *testing.T) {
	s := newSite(t, required)
	testkit.Require(t, "gcc", "ptrace")
	program := testkit.CCText(t, started, []string{"-O2"})
	patch := handpatch.Build(t, handpatch.Spec{Program: program, Source: helloPatch})
	sign(t, s.key, patch)
	p := testkit.StartCmd(t, child("run", "--require-signature", filepath.Dir(patch), "--", program, "0"))
	want(t, p, program+"|0", "value 66")
	p.CloseInput()
	p.Wait()
}

// TestWorkerVerifies: what reads a patch for a process checks it itself, as the policy or the option says, so that a file which was put
// there after a first look is refused.
func TestWorkerVerifies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.kpatch")
	testkit.WriteFile(t, path, "a patch")
	for _, tt := range []struct {
		name, policy, code string
		signed             bool
	}{
		{"policy", required, "unsigned", false},
		{"option", "", "unsigned", true},
		{"neither", "", "format-foreign", false},
	} {
		for _, command := range []string{"patch", "check"} {
			t.Run(tt.name+", "+command, func(t *testing.T) {
				newSite(t, tt.policy)
				c := newCommand(t, request{name: command, args: []string{path}, signed: tt.signed})
				_, err := c.ask(os.Getpid())
				if e := fault.As(err); e == nil || string(e.Code) != tt.code {
					t.Errorf("%v, want code %s", err, tt.code)
				}
			})
		}
	}
}

// newCommand is a command whose workers end with the test.
func newCommand(t *testing.T, r request) *command {
	c := &command{request: r, ctx: t.Context(), ui: newUI(os.Stdout, os.Stderr, false, false)}
	t.Cleanup(func() { c.workers.close() })
	return c
}

// carectlOf runs carectl as it is, run as a process of its own.
func carectlOf(t *testing.T, args ...string) ran {
	t.Helper()
	if args[0] != "run" {
		return carectl(t, args...)
	}
	cmd := child(args...)
	var r ran
	out, err := cmd.Output()
	r.out, r.exit = string(out), cmd.ProcessState.ExitCode()
	t.Logf("carectl %q: exit %d, %v\n%s", args, r.exit, err, out)
	return r
}

// code returns the reason code of a JSON document, "" if there is none.
func code(document string) string {
	var d struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(document), &d)
	return d.Error.Code
}

func unsigned(*testing.T, *site, string) {}

func signed(t *testing.T, s *site, path string) { sign(t, s.key, path) }

func signedByOther(t *testing.T, s *site, path string) { sign(t, s.newKey(t, ""), path) }

func keyRemoved(t *testing.T, s *site, path string) {
	s.newKey(t, "other")
	sign(t, s.key, path)
	remove(t, s.path("maker"))
}

func noKeys(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	remove(t, filepath.Dir(s.path("maker")))
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func changed(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	edit(t, path, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
}

func otherSignature(t *testing.T, s *site, path string) {
	other := filepath.Join(t.TempDir(), "other")
	testkit.WriteFile(t, other, "another file")
	sign(t, s.key, other)
	if err := os.Rename(other+".minisig", path+".minisig"); err != nil {
		t.Fatal(err)
	}
}

func otherComment(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	edit(t, path+".minisig", func(data []byte) []byte {
		return []byte(strings.Replace(string(data), "timestamp:1", "timestamp:2", 1))
	})
}

func cutSignature(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	edit(t, path+".minisig", func(data []byte) []byte { return data[:len(data)/2] })
}

func directorySignature(t *testing.T, _ *site, path string) {
	if err := os.Mkdir(path+".minisig", 0o755); err != nil {
		t.Fatal(err)
	}
}

func neighbour(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, filepath.Join(filepath.Dir(path), strings.Repeat("ab", 20)+".kpatch"), string(data))
}

func bystander(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	for _, name := range []string{"README", "notes.kpatch", "abcd"} {
		testkit.WriteFile(t, filepath.Join(filepath.Dir(path), name), "text")
	}
}

func openPolicy(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	chmod(t, filepath.Join(s.dir, "policy"), 0o666)
}

func openKey(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	chmod(t, s.path("maker"), 0o664)
}

func openKeys(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	chmod(t, filepath.Join(s.dir, "trust.d"), 0o775)
}

func openSite(t *testing.T, s *site, _ string) { chmod(t, s.dir, 0o777) }

func linkedKey(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	elsewhere := filepath.Join(t.TempDir(), "key")
	if err := os.Rename(s.path("maker"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, s.path("maker")); err != nil {
		t.Fatal(err)
	}
}

func damagedKey(t *testing.T, s *site, path string) {
	sign(t, s.key, path)
	testkit.WriteFile(t, s.path("another"), "untrusted comment: a key\nRWQ\n")
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, path, string(f(data)))
}
