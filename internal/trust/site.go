package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"aead.dev/minisign"

	"gocare/internal/fault"
)

// Names below a site's directory.
const (
	policyFile = "policy"
	keysDir    = "trust.d"
	keySuffix  = ".pub"
)

// largest is how many bytes a policy, a key or a signature may have: each is a few lines.
const largest = 64 << 10

// Site is where the administrator of a machine says whom it trusts.
type Site struct {
	Dir   string // below a directory that nobody else can write
	Owner int    // user id that must own all of it
}

// Machine is the site of the machine that this runs on.
func Machine() Site { return Site{Dir: "/etc/gocare", Owner: 0} }

// Open reads the policy and, where signatures are required, by it or by who asks, the keys. A site that is not there trusts nobody and
// requires nothing.
func (s Site) Open(require bool) (*Trust, error) {
	t := &Trust{site: s, required: require}
	there, err := s.own(s.Dir, fs.ModeDir)
	if err != nil || !there {
		return t, err
	}
	path := filepath.Join(s.Dir, policyFile)
	text, there, err := s.read(path)
	if err != nil {
		return nil, err
	}
	if there {
		p, err := parsePolicy(path, string(text))
		if err != nil {
			return nil, err
		}
		t.until = p.until
		t.required = require || p.required
	}
	if t.required {
		t.keys, err = s.keys()
	}
	return t, err
}

// keys reads the public keys of a site.
func (s Site) keys() (list []minisign.PublicKey, err error) {
	dir := filepath.Join(s.Dir, keysDir)
	there, err := s.own(dir, fs.ModeDir)
	if err != nil || !there {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), keySuffix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		text, there, err := s.read(path)
		if err != nil {
			return nil, err
		}
		if !there {
			continue // removed since
		}
		var key minisign.PublicKey
		if err := key.UnmarshalText(text); err != nil {
			return nil, fault.Refuse(fault.BadPolicy, path, "is no public key").WithCause(err).
				WithHint("put the public key there again, FILE.pub of minisign -G or patchmake keygen, or remove it")
		}
		list = append(list, key)
	}
	return list, nil
}

// LoadKey reads a public key of the user's own choice.
func LoadKey(path string) (minisign.PublicKey, error) {
	text, err := readRegular(path, 0)
	if err != nil {
		return minisign.PublicKey{}, fault.New(fault.Environment, "", "cannot read the key").WithCause(err).WithHint("name a public key, FILE.pub")
	}
	var key minisign.PublicKey
	if err := key.UnmarshalText(text); err != nil {
		return minisign.PublicKey{}, fault.New(fault.Refused, path, "is no public key").WithCause(err).WithHint("name a public key, FILE.pub")
	}
	return key, nil
}

// own checks that a file or directory is there, of a type, and the administrator's alone.
func (s Site) own(path string, kind fs.FileMode) (there bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, unreadable(path, err)
	}
	return true, s.check(path, info, kind)
}

// check refuses what others than the owner may write. An access control list that lets somebody write shows in the bits of the group.
func (s Site) check(path string, info fs.FileInfo, kind fs.FileMode) error {
	refuse := func(format string, args ...any) error {
		return fault.Refuse(fault.UnsafeTrust, path, format, args...)
	}
	if info.Mode().Type() != kind {
		what := "regular file"
		if kind == fs.ModeDir {
			what = "directory"
		}
		return refuse("is no %s", what)
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != s.Owner {
		return refuse("belongs to user %d, not to user %d", owner, s.Owner)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return refuse("may be written by others (mode %03o)", mode)
	}
	return nil
}

// read returns the text of a file that is the administrator's alone. The file that is checked is the one that is read.
func (s Site) read(path string) (text []byte, there bool, err error) {
	there, err = s.own(path, 0)
	if err != nil || !there {
		return nil, there, err
	}
	text, err = readRegular(path, syscall.O_NOFOLLOW, func(info fs.FileInfo) error { return s.check(path, info, 0) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil && fault.As(err) == nil {
		err = unreadable(path, err)
	}
	return text, true, err
}

func unreadable(path string, err error) error {
	return fault.Refuse(fault.BadPolicy, "", "cannot read whom this machine trusts").WithCause(err).
		WithHint("let everybody read %s, and nobody but root write it", path)
}

// readRegular reads a small file, without waiting for one that is none.
func readRegular(path string, flags int, checks ...func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for _, check := range checks {
		if err := check(info); err != nil {
			return nil, err
		}
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(data) > largest {
		err = fmt.Errorf("%s has more than %d bytes", path, largest)
	}
	return data, err
}
