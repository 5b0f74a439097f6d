package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/plain"
	"gocare/internal/trust"
	"gocare/internal/ui"
	"gocare/kpatch"
)

// signCommands sign patches and make the keys for that, as minisign(1) does and can check.
func signCommands(begin beginner, stdin io.Reader) []*cli.Command {
	password := &cli.StringFlag{Name: "password-file", Usage: "read the key's password from the first line of `FILE`; - is standard input"}
	return []*cli.Command{
		{
			Name: "sign", Usage: "write a signature beside each patch", ArgsUsage: "FILE|DIR...",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "key", Usage: "sign with the secret key in `FILE`"},
				&cli.StringFlag{Name: "comment", Usage: "a `TEXT` that is signed, too, and that carectl verify shows"},
				password,
			}, outputFlags()...),
			Action: func(c *cli.Context) error { return sign(c, begin(c), stdin) },
		},
		{
			Name: "keygen", Usage: "make a key to sign with: NAME.key, to keep secret, and NAME.pub, for /etc/gocare/trust.d", ArgsUsage: "NAME",
			Flags: append([]cli.Flag{
				&cli.BoolFlag{Name: "no-password", Usage: "do not protect the secret key with a password"},
				password,
			}, outputFlags()...),
			Action: func(c *cli.Context) error { return keygen(c, begin(c), stdin) },
		},
	}
}

// signedFile is a patch with its signature.
type signedFile struct {
	Path      string `json:"path"`
	Signature string `json:"signature"`
	Key       string `json:"key"` // id
}

// sign signs patches: all are read before the first signature is written.
func sign(c *cli.Context, u *ui.UI, stdin io.Reader) error {
	if c.String("key") == "" || c.NArg() == 0 {
		return usage("sign needs --key FILE and a patch").WithHint("patchmake sign --key FILE.key patchroot; patchmake keygen makes a key")
	}
	comment, err := signedComment(c.String("comment"), os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	patches, err := readSignable(c.Args().Slice())
	if err != nil {
		return err
	}
	ask := passwords{ctx: c.Context, file: c.String("password-file"), stdin: stdin, u: u}
	key, err := loadSecret(c.String("key"), ask)
	if err != nil {
		return err
	}
	var document struct {
		Signed []signedFile `json:"signed"`
	}
	for _, p := range patches {
		s := signedFile{p.path, p.path + trust.SignatureSuffix, trust.KeyID(key.ID())}
		if err := renameio.WriteFile(s.Signature, p.sign(key, comment), 0o644); err != nil {
			return fault.New(fault.Environment, "", "cannot write the signature").WithCause(err).WithHint("sign where you may write: the signature stands beside the patch")
		}
		u.Info("signature of %s is in %s", s.Path, s.Signature)
		document.Signed = append(document.Signed, s)
	}
	return u.Result(document)
}

// signedComment returns the text that is signed with a file, one line: the user's, else the time in seconds since 1970.
func signedComment(text, epoch string) (string, error) {
	if plain.Line(text) != text {
		return "", usage("--comment %q: has characters that are not to be seen", text).WithHint("write one line of plain text")
	}
	if text != "" {
		return text, nil
	}
	seconds, err := buildTime(epoch)
	if epoch == "" {
		seconds = uint64(time.Now().Unix())
	}
	return fmt.Sprintf("timestamp:%d", seconds), err
}

// patchFile is a patch to be signed.
type patchFile struct {
	path string
	data []byte
}

// readSignable reads the patches of a command line, and refuses to sign what carectl would refuse to read.
func readSignable(args []string) (list []patchFile, err error) {
	for _, arg := range args {
		paths, err := kpname.In(arg)
		if err == nil && len(paths) == 0 {
			return nil, fault.New(fault.Refused, arg, "has no patch").WithHint("a directory holds BUILDID.kpatch or BUILDID/latest/kpatch.bin")
		}
		for i := 0; err == nil && i < len(paths); i++ {
			p := patchFile{path: paths[i]}
			if p.data, err = os.ReadFile(p.path); err != nil {
				break
			}
			if _, err := kpatch.Decode(p.data); err != nil {
				return nil, fmt.Errorf("%s: %w", p.path, err)
			}
			list = append(list, p)
		}
		if err != nil {
			return nil, fault.New(fault.Environment, "", "cannot read the patch").WithCause(err).WithHint("name a .kpatch file or a directory of them")
		}
	}
	return list, nil
}

// sign returns the text of a signature.
func (p patchFile) sign(key minisign.PrivateKey, comment string) []byte {
	r := minisign.NewReader(bytes.NewReader(p.data))
	_, _ = io.Copy(io.Discard, r) // bytes in memory are always read
	return r.SignWithComments(key, comment+"\tfile:"+filepath.Base(p.path)+"\thashed", "signature from gocare secret key")
}

// loadSecret reads a secret key.
func loadSecret(path string, ask passwords) (key minisign.PrivateKey, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return key, fault.New(fault.Environment, "", "cannot read the key").WithCause(err).WithHint("name the secret key: patchmake keygen makes one")
	}
	protected := minisign.IsEncrypted(text)
	if !protected {
		if err := key.UnmarshalText(text); err != nil {
			return key, fault.New(fault.Refused, path, "is no secret key").WithCause(err).WithHint("name the secret key, FILE.key, not the public one")
		}
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		ask.u.Warn("others than its owner may read the secret key %s", path)
	}
	if !protected {
		return key, nil
	}
	password, err := ask.once()
	if err != nil {
		return key, err
	}
	if key, err = minisign.DecryptKey(password, text); err != nil {
		return key, fault.New(fault.Refused, path, "cannot be opened: the password is wrong, or the key is damaged").WithHint("try again with the password it was made with")
	}
	return key, nil
}

// keygen makes a key.
func keygen(c *cli.Context, u *ui.UI, stdin io.Reader) error {
	if c.NArg() != 1 || strings.HasSuffix(c.Args().First(), "/") {
		return usage("keygen takes one NAME").WithHint("patchmake keygen NAME makes NAME.key and NAME.pub")
	}
	if c.Bool("no-password") && c.String("password-file") != "" {
		return usage("--no-password and --password-file exclude each other")
	}
	secret, public := c.Args().First()+".key", c.Args().First()+".pub"
	for _, path := range []string{secret, public} {
		if _, err := os.Lstat(path); err == nil {
			return fault.New(fault.Refused, path, "is there already").WithHint("choose another name: what was signed with that key could not be verified any more")
		}
	}
	key, secretText, err := makeKey(c.Bool("no-password"), passwords{ctx: c.Context, file: c.String("password-file"), stdin: stdin, u: u})
	if err != nil {
		return err
	}
	publicText, _ := key.MarshalText() // never fails
	if err := writeNew(secret, 0o600, secretText); err != nil {
		return err
	}
	if err := writeNew(public, 0o644, publicText); err != nil {
		return err
	}
	id := trust.KeyID(key.ID())
	u.Info("key %s: the secret key is in %s, the public key in %s", id, secret, public)
	return u.Result(map[string]string{"key": id, "secret": secret, "public": public})
}

// makeKey returns a new key, and the text of its secret half.
func makeKey(open bool, ask passwords) (key minisign.PublicKey, secret []byte, err error) {
	password := ""
	if !open {
		if password, err = ask.twice(); err != nil {
			return key, nil, err
		}
	}
	key, private, err := minisign.GenerateKey(nil)
	if err != nil {
		return key, nil, err
	}
	if open {
		secret, err = private.MarshalText()
	} else {
		secret, err = minisign.EncryptKey(password, private)
	}
	return key, secret, err
}

// writeNew writes a file of lines that is not there yet.
func writeNew(path string, mode os.FileMode, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err == nil {
		_, err = f.Write(append(bytes.TrimRight(text, "\n"), '\n'))
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fault.New(fault.Environment, "", "cannot write the key").WithCause(err).WithHint("name a place where you may write")
	}
	return nil
}
