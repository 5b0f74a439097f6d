// Command patchmake builds a source tree twice, as it is and with source patches applied, and writes a live patch for
// every installed binary whose code changed.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"gocare/internal/isolate"
)

func main() {
	isolate.RunChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
