// Command patchmake builds a source tree twice, as it is and with source patches applied, and writes a live patch for
// every installed binary whose code changed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"gocare/internal/isolate"
)

func main() {
	isolate.RunChild()
	if len(os.Args) == 2 && os.Args[1] == jobsMode {
		if err := serveJobs(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// endings are the signals that end a run in order. One that whoever started it had ignored, as nohup does, stays so.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(all, signal.Ignored)
}
