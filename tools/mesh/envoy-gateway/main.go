// Envoy Gateway, whole, with one change: it starts the Envoy of $ENVOY and downloads none.
//
//	envoy-gateway translate FILE    what Envoy Gateway makes of a manifest: see translate.go
//
// The path of this module begins with that of Envoy Gateway's: Go lets no other use the packages in
// its folder internal/, which are needed to translate.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/envoyproxy/gateway/cmd/envoy-gateway/root"
	"github.com/tetratelabs/func-e/api"
	"github.com/tetratelabs/func-e/experimental/middleware"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "translate" {
		if err := translate(); err != nil {
			fail(err.Error())
		}
		return
	}
	envoy := os.Getenv("ENVOY")
	if envoy == "" {
		fail("ENVOY is not set: it is the path of the Envoy to start")
	}
	with := func(next api.RunFunc) api.RunFunc {
		return func(ctx context.Context, args []string, options ...api.RunOption) error {
			return next(ctx, args, append(options, api.EnvoyPath(envoy))...)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Without this, Envoy Gateway goes on when the Envoy that it started has ended.
	command := root.GetRootCommand(func(runner string, err error) {
		fail(fmt.Sprintf("%s: %v", runner, err))
	})
	if err := command.ExecuteContext(middleware.WithRunMiddleware(ctx, with)); err != nil {
		os.Exit(1)
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
