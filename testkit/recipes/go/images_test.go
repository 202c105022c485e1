// Package recipe sends requests to imagegate in a container.
package recipe

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

const port = "10000/tcp"

func start(t *testing.T) string {
	t.Helper()
	container, err := testcontainers.Run(t.Context(), "imagegate-testkit",
		testcontainers.WithExposedPorts(port),
		testcontainers.WithWaitStrategy(wait.ForHTTP("/testkit/ready").WithPort(port)),
	)
	testcontainers.CleanupContainer(t, container)
	if err != nil {
		t.Fatal(err)
	}
	url, err := container.PortEndpoint(t.Context(), port, "http")
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func generate(t *testing.T, url, fault string) int {
	t.Helper()
	body := strings.NewReader(`{"model":"gpt-image-2","prompt":"a red fox"}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/images/generations", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("authorization", "Bearer sk-imagegate-test")
	request.Header.Set("content-type", "application/json")
	if fault != "" {
		request.Header.Set("x-codex-sim-fault", fault)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestImages(t *testing.T) {
	url := start(t)
	statuses := []int{generate(t, url, ""), generate(t, url, "rate_limit")}
	response, err := http.Get(url + "/testkit/ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var ledger struct {
		Records []struct{ Status int }
	}
	if err := json.NewDecoder(response.Body).Decode(&ledger); err != nil {
		t.Fatal(err)
	}
	var recorded []int
	for _, record := range ledger.Records {
		recorded = append(recorded, record.Status)
	}
	if !reflect.DeepEqual(statuses, []int{200, 429}) || !reflect.DeepEqual(recorded, statuses) {
		t.Errorf("statuses %v, recorded %v", statuses, recorded)
	}
}
