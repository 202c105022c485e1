package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"istio.io/istio/pkg/wasm"
)

// As the agent of a proxy does for `oci://IMAGE`.
func pull() error {
	if len(os.Args) < 4 {
		return errors.New("usage: istio pull IMAGE FILE")
	}
	fetch, digest, err := wasm.NewImageFetcher(context.Background(), wasm.ImageFetcherOption{Insecure: true}).PrepareFetch(os.Args[2])
	if err != nil {
		return err
	}
	module, err := fetch()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return os.WriteFile(os.Args[3], module, 0o644)
}
