package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"gocare/engine"
	"gocare/internal/fault"
	"gocare/internal/kpname"
	"gocare/internal/trust"
	"gocare/internal/ui"
)

const signedFlag = "require-signature"

// machine is whom this machine trusts. Nothing but a test sets it.
var machine = trust.Machine()

func requireFlag() cli.Flag {
	return &cli.BoolFlag{Name: signedFlag, Usage: "take only patches with a signature that the machine trusts, whatever its policy says"}
}

func keyFlag() cli.Flag {
	return &cli.StringFlag{Name: "key", Usage: "verify with this public key, not with those that the machine trusts"}
}

// open opens the patches of the command line. Each process that reads one checks its signature itself, where one is required.
func (c *command) open() (*engine.Library, error) {
	check, err := c.signatures()
	if err != nil {
		return nil, err
	}
	return engine.OpenLibrary(c.args, check)
}

// openAll opens the patches of the command line and, where they have to be signed, all those in its directories: before any process is
// touched.
func (c *command) openAll() (*engine.Library, error) {
	check, err := c.signatures()
	if err != nil {
		return nil, err
	}
	l, err := engine.OpenLibrary(c.args, check)
	if err == nil && check != nil {
		err = l.LoadAll()
	}
	return l, err
}

// signatures returns the check of signatures, nil where none is required.
func (c *command) signatures() (engine.Check, error) {
	t, err := c.openTrust()
	if err != nil || !t.Required() {
		return nil, err
	}
	return func(path string, data []byte) error {
		_, err := t.Verify(path, data, time.Now())
		return err
	}, nil
}

func (c *command) openTrust() (*trust.Trust, error) {
	t, err := machine.Open(c.signed)
	return t, fault.Leaves(err, "no process was touched")
}

// lookAtSignatures returns a check that notes what there is to say of the signature of each file, and fails only where one is required.
func (c *command) lookAtSignatures(notes map[string]string) (engine.Check, error) {
	t, err := c.openTrust()
	if err != nil {
		return nil, err
	}
	required := t.Required()
	if keys, err := machine.Open(true); err == nil { // where none is required the keys may be in no state to be trusted
		t = keys
	}
	return func(path string, data []byte) error {
		_, err := t.Verify(path, data, time.Now())
		switch e := fault.As(err); {
		case err == nil:
			notes[path] = "signed"
		case required || e == nil:
			return err
		default:
			notes[path] = string(e.Code)
		}
		return nil
	}, nil
}

// verified is what verify says of a file.
type verified struct {
	Path    string      `json:"path"`
	Key     string      `json:"key,omitempty"`     // id of the key that signed it
	Comment string      `json:"comment,omitempty"` // signed with it
	ID      string      `json:"patch_id,omitempty"`
	BuildID string      `json:"build_id,omitempty"`
	Error   *ui.Failure `json:"error,omitempty"`
}

// verify says who signed patches.
func verify(c *command) error {
	t, err := c.trusted()
	if err != nil {
		return err
	}
	paths, err := c.patchFiles()
	if err != nil {
		return err
	}
	document := struct {
		Files []verified  `json:"files"`
		Error *ui.Failure `json:"error,omitempty"`
	}{}
	var first error
	for _, path := range paths {
		v, err := verifyFile(t, path)
		if err != nil {
			v.Error = ui.FailureOf(err)
			c.ui.Explain(err)
			if first == nil {
				first = &reported{err}
				document.Error = v.Error
			}
		} else {
			c.ui.Info("%s: patch %s for BuildID %s, signed with key %s: %s", path, v.ID, v.BuildID, v.Key, v.Comment)
		}
		document.Files = append(document.Files, v)
	}
	if err := c.ui.Result(document); err != nil {
		return err
	}
	return first
}

// trusted returns whom to trust: the key that is given, else those of the machine.
func (c *command) trusted() (*trust.Trust, error) {
	if c.key == "" {
		return machine.Open(true)
	}
	key, err := trust.LoadKey(c.key)
	if err != nil {
		return nil, err
	}
	return trust.Of(key), nil
}

// patchFiles returns the files of the command line and those in its directories.
func (c *command) patchFiles() (list []string, err error) {
	if len(c.args) == 0 {
		return nil, fault.New(fault.Usage, "", "no patch given").WithHint("name a .kpatch file or a directory of them")
	}
	for _, path := range c.args {
		files, err := kpname.In(path)
		if err != nil {
			return nil, fault.New(fault.Environment, path, "cannot read the directory").WithCause(err).WithHint("name a .kpatch file or a directory of them")
		}
		if len(files) == 0 {
			return nil, fault.New(fault.Refused, path, "has no patch").WithHint("a directory holds BUILDID.kpatch or BUILDID/latest/kpatch.bin")
		}
		list = append(list, files...)
	}
	return list, nil
}

func verifyFile(t *trust.Trust, path string) (verified, error) {
	v := verified{Path: path}
	f, err := engine.LoadFile(path, func(path string, data []byte) error {
		signer, err := t.Verify(path, data, time.Now())
		v.Key, v.Comment = signer.Key, signer.Comment
		return err
	})
	if err != nil {
		return v, err
	}
	v.ID, v.BuildID = f.Patch.ID, f.Patch.BuildID
	return v, nil
}
