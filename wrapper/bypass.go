package wrapper

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gocare/internal/fault"
	"gocare/internal/toolexec"
)

// Check refuses a compiler that does not look for as and ld where COMPILER_PATH in env says: one with their paths built
// in, or given a -B that leads elsewhere. carecc is the absolute path of that program; args are options of every compile.
func Check(ctx context.Context, compiler, carecc string, args, env []string) error {
	ours, err := os.Stat(carecc)
	if err != nil {
		return err
	}
	for _, name := range []string{"as", "ld"} {
		res, err := toolexec.Run(ctx, toolexec.Cmd{Path: compiler, Args: append(append([]string(nil), args...), "-print-prog-name="+name), Env: env})
		if err != nil {
			return err
		}
		path := strings.TrimSpace(string(res.Stdout))
		if !filepath.IsAbs(path) {
			if path, err = exec.LookPath(path); err != nil {
				return err
			}
		}
		if fi, err := os.Stat(path); err != nil || !os.SameFile(fi, ours) {
			return fault.Refuse("compiler-bypasses", compiler, "it runs %s, not the %s of COMPILER_PATH: its compiles would not be recorded", path, name).
				WithHint("leave out -B, or set KPCCREAL to a compiler that honours COMPILER_PATH")
		}
	}
	return nil
}
