// Command patchmake builds a source tree twice, as it is and with source patches applied, and writes a live patch for
// every installed binary whose code changed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
