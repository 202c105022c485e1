package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/schema/collections"
)

// What `kubectl apply` would print for the files of a folder. Istio only warns of fields that Envoy
// does not have, and then leaves them out. Here these warnings are errors.
func validate() error {
	files, err := filepath.Glob(filepath.Join(os.Args[2], "*.yaml"))
	if err != nil {
		return err
	}
	var all error
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		configs, _, err := crd.ParseInputs(string(text))
		all = errors.Join(all, err)
		for _, config := range configs {
			found++
			schema, _ := collections.Pilot.FindByGroupVersionKind(config.GroupVersionKind)
			warning, err := schema.ValidateConfig(config)
			all = errors.Join(all, remarks(warning), err)
		}
	}
	if found == 0 {
		return fmt.Errorf("%s has nothing of Istio in it", os.Args[2])
	}
	return all
}

// The warnings without the one that Istio has for every EnvoyFilter.
func remarks(warning error) error {
	each := []error{warning}
	var many interface{ WrappedErrors() []error }
	if errors.As(warning, &many) {
		each = many.WrappedErrors()
	}
	var all error
	for _, it := range each {
		if it != nil && !strings.HasPrefix(it.Error(), "EnvoyFilter exposes internal") {
			all = errors.Join(all, it)
		}
	}
	return all
}
