// Command patchmake builds a source tree twice, as it is and with source patches applied, and writes a live patch for
// every installed binary whose code changed.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"gocare/internal/isolate"
	"gocare/internal/jobs"
)

func main() {
	isolate.RunChild()
	jobs.RunChild()
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
