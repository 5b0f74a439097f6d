package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"aead.dev/minisign"

	"gocare/internal/fault"
)

// SignatureSuffix makes the name of a file that of its signature.
const SignatureSuffix = ".minisig"

// Trust is whom a machine, or a user, trusts.
type Trust struct {
	site     Site
	required bool
	keys     []minisign.PublicKey
	until    map[uint64]time.Time
}

// Of trusts the keys given, for ever.
func Of(keys ...minisign.PublicKey) *Trust { return &Trust{required: true, keys: keys} }

// Required reports whether files have to be signed.
func (t *Trust) Required() bool { return t.required }

// Signer is who signed a file.
type Signer struct {
	Key     string // its id, as minisign prints it
	Comment string // signed with the file
}

// Verify checks a file's bytes against the signature beside it. Whoever goes on uses these bytes and does not read the file again.
func (t *Trust) Verify(path string, data []byte, now time.Time) (Signer, error) {
	text, err := readRegular(path+SignatureSuffix, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Signer{}, fault.Refuse(fault.Unsigned, path, "has no signature beside it, %s", filepath.Base(path)+SignatureSuffix)
	}
	if err != nil {
		return Signer{}, fault.Refuse(fault.BadSignature, path, "its signature cannot be read").WithCause(err)
	}
	return t.verify(path, data, text, now)
}

// verify checks a file's bytes against the text of a signature.
func (t *Trust) verify(path string, data, text []byte, now time.Time) (Signer, error) {
	var s minisign.Signature
	if err := s.UnmarshalText(text); err != nil {
		return Signer{}, fault.Refuse(fault.BadSignature, path+SignatureSuffix, "is no signature").WithCause(err)
	}
	signer := Signer{Key: KeyID(s.KeyID), Comment: s.TrustedComment}
	known := false
	for _, key := range t.keys {
		if key.ID() != s.KeyID {
			continue
		}
		known = true // ids are not unique: another key may have it, too
		if !minisign.Verify(key, data, text) {
			continue
		}
		if end, ends := t.until[s.KeyID]; ends && !now.Before(end) {
			return Signer{}, fault.Refuse(fault.KeyExpired, path, "is signed with key %s, which counted until %s",
				signer.Key, end.AddDate(0, 0, -1).Format(time.DateOnly))
		}
		return signer, nil
	}
	if known {
		return Signer{}, fault.Refuse(fault.BadSignature, path, "is not what key %s signed", signer.Key)
	}
	return Signer{}, t.unknown(path, signer.Key)
}

func (t *Trust) unknown(path, key string) error {
	if t.site.Dir == "" {
		return fault.Refuse(fault.UnknownKey, path, "is signed with key %s, not with the one given", key).
			WithHint("give the public key of whoever signed it")
	}
	dir := filepath.Join(t.site.Dir, keysDir)
	say := "which is not in " + dir
	if len(t.keys) == 0 {
		say = "and there is no key in " + dir
	}
	return fault.Refuse(fault.UnknownKey, path, "is signed with key %s, %s", key, say)
}

// KeyID is how minisign prints the id of a key.
func KeyID(id uint64) string { return fmt.Sprintf("%016X", id) }
