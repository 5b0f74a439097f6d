package trust

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aead.dev/minisign"

	"gocare/internal/fault"
	"gocare/internal/test/testkit"
)

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if code == "" && err == nil {
		return
	}
	if e := fault.As(err); e == nil || e.Code != code {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func TestPolicy(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		name, text string
		required   bool
		until      map[uint64]time.Time
		say        string // "": it is understood
	}{
		{name: "yes", text: "require-signature yes\n", required: true},
		{name: "no", text: "require-signature no"},
		{name: "comments and blanks", text: "# whom we trust\n\n\t require-signature\tyes # all\r\n", required: true},
		{
			name: "until", text: "key-until 1EB4794BF8AAEA6B 2027-12-31\nrequire-signature yes\nkey-until b 2028-02-28", required: true,
			until: map[uint64]time.Time{0x1EB4794BF8AAEA6B: day("2028-01-01"), 0xb: day("2028-02-29")},
		},
		{name: "empty", say: "policy: does not say whether"},
		{name: "cut off before it says so", text: "# policy\nkey-until b 2028-02-28\n", say: "policy: does not say whether"},
		{name: "cut off in a word", text: "require-sig", say: `policy:1: unknown word "require-sig"`},
		{name: "cut off in a value", text: "require-signature ye", say: "policy:1: require-signature ye: neither"},
		{name: "no value", text: "require-signature\n", say: "neither"},
		{name: "two values", text: "require-signature yes no\n", say: "neither"},
		{name: "another word for yes", text: "require-signature true\n", say: "neither"},
		{name: "capitals", text: "Require-Signature yes\n", say: "unknown word"},
		{name: "equals", text: "require-signature=yes\n", say: "unknown word"},
		{name: "twice", text: "require-signature yes\nrequire-signature no\n", say: "policy:2: require-signature is said twice"},
		{name: "key without a day", text: "require-signature yes\nkey-until b\n", say: "policy:2: key-until takes"},
		{name: "no key", text: "key-until xyz 2028-02-28\n", say: "key-until xyz"},
		{name: "key too long", text: "key-until 11EB4794BF8AAEA6B 2028-02-28\n", say: "no id of a key"},
		{name: "no day", text: "key-until b 2028-02-30\n", say: "no day"},
		{name: "key twice", text: "key-until b 2028-02-28\nkey-until 0B 2028-02-29\n", say: "twice"},
		{name: "one comment", text: "#require-signature yes\n", say: "does not say"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parsePolicy("policy", tt.text)
			if tt.say != "" {
				wantCode(t, err, fault.BadPolicy)
				if err == nil || !strings.Contains(err.Error(), tt.say) {
					t.Errorf("%v does not say %q", err, tt.say)
				}
				return
			}
			if err != nil || p.required != tt.required || len(p.until) != len(tt.until) {
				t.Fatalf("got %+v, %v", p, err)
			}
			for id, end := range tt.until {
				if !p.until[id].Equal(end) {
					t.Errorf("%x: until %v, want %v", id, p.until[id], end)
				}
			}
		})
	}
}

// FuzzPolicy: no text that says nothing of signatures lets a patch through without one.
func FuzzPolicy(f *testing.F) {
	f.Add("require-signature yes\nkey-until 1EB4794BF8AAEA6B 2027-12-31\n")
	f.Add("require-signature no # not yet\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePolicy("policy", text)
		if err == nil && !p.required && !strings.Contains(text, "no") {
			t.Errorf("%q requires no signature", text)
		}
		if err != nil && fault.As(err) == nil {
			t.Errorf("%v", err)
		}
	})
}

func newKey(t testing.TB) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// fuzzKey is a secret key without a password, the same in each process that fuzzes.
const fuzzKey = "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAa+qq+Et5tB6/OxmYzS6OhbQotiFtvpJvwNxzO6Ph3uFYhXRptUj7FiCLrWmmTFOCxzCBdYDAKnWJ+Gk/gpwQs4WDoAAsrLMJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// FuzzVerify: no text but a signature of the file lets it through.
func FuzzVerify(f *testing.F) {
	var private minisign.PrivateKey
	if err := private.UnmarshalText([]byte(fuzzKey)); err != nil {
		f.Fatal(err)
	}
	public := private.Public().(minisign.PublicKey)
	data := []byte("a patch")
	good := minisign.SignWithComments(private, data, "timestamp:1", "signature")
	f.Add(data, good)
	f.Add(data, []byte("untrusted comment: x\n\ntrusted comment: \n\n"))
	f.Fuzz(func(t *testing.T, file, text []byte) {
		_, err := Of(public).verify("x.kpatch", file, text, time.Now())
		if err == nil && string(file) != string(data) {
			t.Errorf("%q passes with %q", file, text)
		}
		if err != nil && fault.As(err) == nil {
			t.Errorf("%v", err)
		}
	})
}

// TestVerify: what no file of the command line shows.
func TestVerify(t *testing.T) {
	public, private := newKey(t)
	other, _ := newKey(t)
	data := []byte("a patch")
	text := minisign.SignWithComments(private, data, "timestamp:1", "signature")
	now := time.Date(2027, 12, 31, 23, 59, 59, 0, time.UTC)
	until := func(day time.Time) map[uint64]time.Time { return map[uint64]time.Time{public.ID(): day} }
	for _, tt := range []struct {
		name  string
		trust Trust
		data  string
		code  fault.Code
	}{
		{name: "signed", trust: Trust{keys: []minisign.PublicKey{public}}},
		{name: "one of several keys", trust: Trust{keys: []minisign.PublicKey{other, public}}},
		{name: "the id of a key is no key", trust: Trust{keys: []minisign.PublicKey{withID(t, other, public)}}, code: fault.BadSignature},
		{name: "two keys of one id", trust: Trust{keys: []minisign.PublicKey{withID(t, other, public), public}}},
		{name: "no key", code: fault.UnknownKey},
		{name: "the last second", trust: Trust{keys: []minisign.PublicKey{public}, until: until(now.Add(time.Second))}},
		{name: "a second later", trust: Trust{keys: []minisign.PublicKey{public}, until: until(now)}, code: fault.KeyExpired},
		{name: "expired, and another file", trust: Trust{keys: []minisign.PublicKey{public}, until: until(now)}, data: "another", code: fault.BadSignature},
		{name: "more at the end", trust: Trust{keys: []minisign.PublicKey{public}}, data: "a patch ", code: fault.BadSignature},
		{name: "nothing", trust: Trust{keys: []minisign.PublicKey{public}}, data: "\x00", code: fault.BadSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := data
			if tt.data != "" {
				file = []byte(tt.data)
			}
			_, err := tt.trust.verify("x.kpatch", file, text, now)
			wantCode(t, err, tt.code)
		})
	}
}

// withID returns a key with the id of another: bytes 2 to 9 of 42.
func withID(t *testing.T, key, other minisign.PublicKey) (made minisign.PublicKey) {
	t.Helper()
	to, toErr := base64.StdEncoding.DecodeString(key.String())
	from, fromErr := base64.StdEncoding.DecodeString(other.String())
	if err := errors.Join(toErr, fromErr); err != nil {
		t.Fatal(err)
	}
	copy(to[2:10], from[2:10])
	if err := made.UnmarshalText([]byte(base64.StdEncoding.EncodeToString(to))); err != nil {
		t.Fatal(err)
	}
	return made
}

// TestSignatureFiles: the file beside a patch may be anything.
func TestSignatureFiles(t *testing.T) {
	public, private := newKey(t)
	data := []byte("a patch")
	good := minisign.SignWithComments(private, data, "timestamp:1", "signature")
	for _, tt := range []struct {
		name string
		lay  func(path string) error
		code fault.Code
	}{
		{"none", func(string) error { return nil }, fault.Unsigned},
		{"good", func(path string) error { return os.WriteFile(path, good, 0o644) }, ""},
		{"link", func(path string) error {
			return os.Symlink(writeIn(t, good), path)
		}, ""},
		{"link to nowhere", func(path string) error { return os.Symlink("nowhere", path) }, fault.Unsigned},
		{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o644) }, fault.BadSignature},
		{"device without an end", func(path string) error { return os.Symlink("/dev/zero", path) }, fault.BadSignature},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o644) }, fault.BadSignature},
		{"large", func(path string) error { return os.WriteFile(path, make([]byte, largest+1), 0o644) }, fault.BadSignature},
		{"more behind it", func(path string) error {
			return os.WriteFile(path, append(append([]byte{}, good...), "x=="...), 0o644)
		}, fault.BadSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.kpatch")
			if err := tt.lay(path + SignatureSuffix); err != nil {
				t.Fatal(err)
			}
			_, err := Of(public).Verify(path, data, time.Now())
			wantCode(t, err, tt.code)
			if strings.Contains(tt.name, "pipe") && !strings.Contains(err.Error(), "no regular file") {
				t.Errorf("it was read: %v", err)
			}
		})
	}
}

func writeIn(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSite: what is not the administrator's alone is refused, also where it requires nothing.
func TestSite(t *testing.T) {
	owner := os.Getuid()
	public, _ := newKey(t)
	good := map[string]string{"policy": "require-signature yes\n", "trust.d/a.pub": public.String() + "\n", "trust.d/README": "keys"}
	for _, tt := range []struct {
		name  string
		owner int
		lay   func(dir string) error
		code  fault.Code
		keys  int
	}{
		{name: "as it should be", owner: owner, keys: 1},
		{name: "of another user", owner: owner + 1, code: fault.UnsafeTrust},
		{name: "no site", owner: owner, lay: os.RemoveAll},
		{name: "site is a file", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir, func() error { return os.WriteFile(dir, nil, 0o644) })
		}},
		{name: "site is a link", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir, func() error { return os.Symlink(t.TempDir(), dir) })
		}},
		{name: "policy is a pipe", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir+"/policy", func() error { return syscall.Mkfifo(dir+"/policy", 0o644) })
		}},
		{name: "policy is a directory", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir+"/policy", func() error { return os.Mkdir(dir+"/policy", 0o755) })
		}},
		{name: "policy is a link", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir+"/policy", func() error { return os.Symlink("nowhere", dir+"/policy") })
		}},
		{name: "policy of the group", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error { return os.Chmod(dir+"/policy", 0o664) }},
		{name: "keys of everybody", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error { return os.Chmod(dir+"/trust.d", 0o1777) }},
		{name: "keys are a link", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error {
			return replace(dir+"/trust.d", func() error { return os.Symlink("/etc", dir+"/trust.d") })
		}},
		{name: "a key is a directory", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error { return os.Mkdir(dir+"/trust.d/b.pub", 0o755) }},
		{name: "a key is a link to nowhere", owner: owner, code: fault.UnsafeTrust, lay: func(dir string) error { return os.Symlink("nowhere", dir+"/trust.d/b.pub") }},
		{name: "a policy that is cut off where it is too large", owner: owner, code: fault.BadPolicy, lay: func(dir string) error {
			text := "require-signature no\n" + strings.Repeat("# text\n", largest/7) + "require-signature yes\n"
			return os.WriteFile(dir+"/policy", []byte(text), 0o644)
		}},
		{name: "a secret key", owner: owner, code: fault.BadPolicy, lay: func(dir string) error {
			_, private := newKey(t)
			text, err := private.MarshalText()
			if err != nil {
				return err
			}
			return os.WriteFile(dir+"/trust.d/b.pub", text, 0o644)
		}},
		{name: "an empty key", owner: owner, code: fault.BadPolicy, lay: func(dir string) error { return os.WriteFile(dir+"/trust.d/b.pub", nil, 0o644) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "gocare")
			if err := os.MkdirAll(filepath.Join(dir, "trust.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range good {
				testkit.WriteFile(t, filepath.Join(dir, name), text)
			}
			if tt.lay != nil {
				if err := tt.lay(dir); err != nil {
					t.Fatal(err)
				}
			}
			trust, err := Site{Dir: dir, Owner: tt.owner}.Open(false)
			wantCode(t, err, tt.code)
			if tt.code == "" && (len(trust.keys) != tt.keys || trust.Required() != (tt.keys > 0)) {
				t.Errorf("%d keys, required %t", len(trust.keys), trust.Required())
			}
		})
	}
}

// replace removes a path and makes it anew.
func replace(path string, make func() error) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return make()
}

// TestMachine: keys that the policy does not want are not read, and nothing that a user says moves the machine's site.
func TestMachine(t *testing.T) {
	if m := Machine(); m != (Site{Dir: "/etc/gocare", Owner: 0}) {
		t.Errorf("%+v", m)
	}
	dir := filepath.Join(t.TempDir(), "gocare")
	if err := os.MkdirAll(filepath.Join(dir, "trust.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, filepath.Join(dir, "policy"), "require-signature no\n")
	testkit.WriteFile(t, filepath.Join(dir, "trust.d/a.pub"), "damaged")
	s := Site{Dir: dir, Owner: os.Getuid()}
	if _, err := s.Open(false); err != nil {
		t.Error(err)
	}
	_, err := s.Open(true)
	wantCode(t, err, fault.BadPolicy)
}

// TestMinisign: minisign(1) makes what is taken, and takes nothing that is refused.
func TestMinisign(t *testing.T) {
	testkit.Require(t, "minisign")
	dir := t.TempDir()
	path := filepath.Join(dir, "x.kpatch")
	testkit.WriteFile(t, path, "a patch")
	testkit.Run(t, dir, "minisign", "-G", "-W", "-p", "key.pub", "-s", "key.sec")
	key, err := LoadKey(filepath.Join(dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		args    []string
		comment string
	}{
		{"hashed", nil, "hashed"},
		{"legacy", []string{"-l"}, "file:x.kpatch"},
		{"own comment", []string{"-t", "CVE-2026-1"}, "CVE-2026-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.Run(t, dir, "minisign", append([]string{"-S", "-s", "key.sec", "-m", "x.kpatch"}, tt.args...)...)
			signer, err := Of(key).Verify(path, []byte("a patch"), time.Now())
			if err != nil || !strings.Contains(signer.Comment, tt.comment) {
				t.Errorf("%+v, %v", signer, err)
			}
			for _, name := range []string{path, path + SignatureSuffix} {
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for i := range text {
					damaged := append([]byte{}, text...)
					damaged[i] ^= 1
					testkit.WriteFile(t, name, string(damaged))
					data, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := Of(key).Verify(path, data, time.Now()); err == nil && !minisignTakes(dir) {
						t.Errorf("%s: byte %d of %d changed, and taken", filepath.Base(name), i, len(text))
					}
				}
				testkit.WriteFile(t, name, string(text))
			}
		})
	}
}

func minisignTakes(dir string) bool {
	cmd := exec.Command("minisign", "-V", "-q", "-p", "key.pub", "-m", "x.kpatch")
	cmd.Dir = dir
	return cmd.Run() == nil
}
