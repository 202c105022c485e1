// Istio's control plane and its agent, whole, as one program:
//
//	istio pilot-discovery FOLDER        serves the configuration that it makes of the files there
//	istio pilot-agent ARGUMENTS…        Istio's own command
//	istio validate FOLDER               what Istio says of the files there
//	istio pull IMAGE FILE               writes the module in an image, and prints the image's digest
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"unsafe"

	"istio.io/api/mesh/v1alpha1"
	agent "istio.io/istio/pilot/cmd/pilot-agent/app"
	"istio.io/istio/pilot/pkg/bootstrap"
	"istio.io/istio/pkg/config/constants"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	log.EnableKlogWithCobra()
	run := usage
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "pilot-discovery":
			run = discovery
		case "pilot-agent":
			run = proxy
		case "validate":
			run = validate
		case "pull":
			run = pull
		}
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func usage() error {
	return errors.New("usage: istio pilot-discovery FOLDER, istio pilot-agent ARGUMENTS…, istio validate FOLDER, or istio pull IMAGE FILE")
}

// The server of Istio's command pilot-discovery, which cannot run without Kubernetes itself.
func discovery() error {
	server, err := bootstrap.NewServer(bootstrap.NewPilotArgs(func(to *bootstrap.PilotArgs) {
		to.RegistryOptions.FileDir = os.Args[2]
		to.RegistryOptions.KubeOptions.DomainSuffix = constants.DefaultClusterLocalDomain
		to.ServerOptions.GRPCAddr = "127.0.0.1:15010"
		to.ServerOptions.HTTPAddr = "127.0.0.1:15080"
		to.ServerOptions.MonitoringAddr = "127.0.0.1:15014"
	}), withEmptyCluster)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	if err := server.Start(stop); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	close(stop)
	server.WaitUntilCompletion()
	return nil
}

// Without a client of Kubernetes, the controller of ServiceEntry dereferences a null pointer. This
// client has an empty cluster in memory. Istio's tests set it in the same field, which has no other
// way in.
func withEmptyCluster(server *bootstrap.Server) {
	field := reflect.ValueOf(server).Elem().FieldByName("kubeClient")
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().
		Set(reflect.ValueOf(kube.NewFakeClient()))
}

func proxy() error {
	command := agent.NewRootCommand(secrets)
	command.SetArgs(os.Args[2:])
	return command.Execute()
}

// As in Istio's own pilot-agent.
func secrets(
	options *security.Options, cache security.SecretManager, keys *v1alpha1.PrivateKeyProvider,
) istioagent.SDSService {
	return sds.NewServer(options, cache, keys)
}
