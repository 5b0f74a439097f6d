package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gocare/internal/test/gobuild"
)

// guest is a virtual machine with another processor, for which programs are cross-built.
type guest struct {
	machine, goarch string
	bin             string // its carectls
}

// guestOf returns the virtual machine with a processor, as GNU names it; nil for ours.
func guestOf(machine string) (*guest, error) {
	switch {
	case machine == "":
		return nil, nil
	case machine != "aarch64":
		return nil, fmt.Errorf("MACHINE: no %q; there is aarch64", machine)
	case os.Getenv("GOCARE_VM") == "":
		return nil, errors.New("MACHINE: GOCARE_VM does not say where the files of the virtual machine are: run make oracle")
	}
	return &guest{machine: machine, goarch: "arm64"}, nil
}

func (g *guest) buildPrograms(ctx context.Context) error {
	return gobuild.Carectl(ctx, g.bin, g.goarch)
}

// Places in the guest. The host's folder, which is slow, is that of the build.
const (
	hostFolder = "/host"
	guestRoot  = "/tmp/root"
	guestBin   = "/tmp/bin"
)

// guestChecks does what checks does, all of it in one run of the guest.
func (b *build) guestChecks(ctx context.Context) (map[string]map[string]string, error) {
	for from, to := range map[string]string{
		filepath.Join(b.env.root, "testdata", "oracle"): "oracle", b.env.guest.bin: "bin",
	} {
		if err := os.CopyFS(filepath.Join(b.dir, to), os.DirFS(from)); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(b.dir, "commands"), []byte(b.guestCommands()), 0o644); err != nil {
		return nil, err
	}
	for _, name := range rounds {
		if err := os.Mkdir(filepath.Join(b.dir, "out-"+name), 0o755); err != nil {
			return nil, err
		}
	}
	if err := b.command(ctx, "guest", b.env.root, nil, "go", "run", "./internal/test/vm", "-share", b.dir); err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for _, name := range rounds {
		got, err := results(name, filepath.Join(b.dir, "out-"+name))
		if err != nil {
			return nil, err
		}
		all[name] = got
	}
	return all, nil
}

// guestLimit bounds a test in the guest, in seconds: emulation is slow.
const guestLimit = 1500

// guestCommands are the lines that a shell in the guest runs.
func (b *build) guestCommands() string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "ifconfig lo up && cp -r %s/tree/lpmake %s && cp -r %s/tree/patchroot /tmp/patches && cp -r %s/bin %s && chmod -R +x %s\n",
		hostFolder, guestRoot, hostFolder, hostFolder, guestBin, guestBin)
	for i, carectl := range []string{"", guestBin + "/carectl", guestBin + "/traps/carectl"} {
		env := []string{
			"RECIPE=" + b.program, "LEVEL=" + b.level, "ROOT=" + guestRoot, "TREE=" + hostFolder + "/tree", "OUT=" + hostFolder + "/out-" + rounds[i],
			"CARECTL=" + carectl, "PATCHES=/tmp/patches", "LC_ALL=C", "TZ=UTC", fmt.Sprintf("TEST_TIMEOUT=%d", guestLimit),
		}
		fmt.Fprintf(&lines, "mkdir /tmp/%s && cd /tmp/%s && %s bash %s/oracle/lib.sh oracle_check\n", rounds[i], rounds[i], strings.Join(env, " "), hostFolder)
	}
	return lines.String()
}
