// The cases of OpenAI's client for Go; `tests/e2e/clients.rs` runs them and says what a prompt
// leads to. This file is what cases.py is for Python: how a case's outcome is reported, and the
// images to send and to look at.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// testCase is a case of the table in tests/clients/README.md.
type testCase struct {
	name string
	act  func()
}

// Runs the requested cases (if none is named, all) in their order, and reports how each ended.
func main() {
	wanted := strings.Fields(os.Getenv("IMAGEGATE_CASES"))
	for _, it := range cases {
		if len(wanted) > 0 && !contains(wanted, it.name) {
			continue
		}
		line, err := json.Marshal(map[string]any{"case": it.name, "fault": fault(it.act)})
		if err != nil {
			panic(err)
		}
		// The test looks for lines that begin like this; the members of a map are sorted.
		fmt.Println(string(line))
	}
}

// fault is how a case ends: nil if it holds.
func fault(act func()) (fault any) {
	defer func() {
		if reason := recover(); reason != nil {
			fault = fmt.Sprintf("%v\n%s", reason, debug.Stack())
		}
	}()
	act()
	return nil
}

func contains(names []string, name string) bool {
	for _, it := range names {
		if it == name {
			return true
		}
	}
	return false
}

func check(holds bool, what string, details ...any) {
	if !holds {
		panic("this does not hold: " + fmt.Sprintf(what, details...))
	}
}

// must is the value of a call that may not fail.
func must[T any](value T, err error) T {
	check(err == nil, "no error: %v", err)
	return value
}

// checkImages wants this many images, all different.
func checkImages(b64s []string, count int) {
	seen := map[string]bool{}
	for _, it := range b64s {
		bytes := string(must(base64.StdEncoding.DecodeString(it)))
		check(strings.HasPrefix(bytes, "\x89PNG\r\n\x1a\n"), "the images are PNGs")
		seen[bytes] = true
	}
	check(len(b64s) == count && len(seen) == count, "%d images, %d of them different, are %d", len(b64s), len(seen), count)
}

// square is a PNG of one colour, whose pixels are this opaque.
func square(edge int, alpha uint8) io.Reader {
	picture := image.NewNRGBA(image.Rect(0, 0, edge, edge))
	for place := range edge * edge {
		picture.SetNRGBA(place%edge, place/edge, color.NRGBA{R: 0x20, G: 0x60, B: 0xa0, A: alpha})
	}
	var file bytes.Buffer
	check(png.Encode(&file, picture) == nil, "a PNG is written")
	return &file
}
