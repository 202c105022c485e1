package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

var (
	ctx   = context.Background()
	model = os.Getenv("IMAGEGATE_MODEL")
	// As a service sets it up, its address and key apart: retries are the client's default, two.
	client = openai.NewClient()
	// Where retries would only make a case longer.
	once = openai.NewClient(option.WithMaxRetries(0))
)

var cases = []testCase{
	{"one_image", oneImage},
	{"three_images", func() { checkImages(b64s(generate(once, wish{N: openai.Int(3)})), 3) }},
	{"image_as_url", imageAsURL},
	{"edit", edit},
	{"edit_with_mask", editWithMask},
	{"stream", stream},
	{"stream_of_edit", streamOfEdit},
	{"stream_refused_is_400", streamRefused},
	{"broken_stream_raises", brokenStream},
	{"unknown_key_is_401", func() {
		err := fails(401, "invalid_api_key", wish{}, withKey("sk-of-no-consumer"))
		check(err.Type == "invalid_request_error", "the error has its type")
	}},
	{"forbidden_model_is_403", func() {
		err := fails(403, "model_not_allowed", wish{Model: "gpt-image-1.5"}, withKeyOf("NARROW"))
		check(err.Param == "model", "the error names the field")
	}},
	{"unknown_model_is_404", func() { fails(404, "model_not_found", wish{Model: "dall-e-9"}, once) }},
	{"models_are_listed", modelsAreListed},
	{"unlisted_model_is_404", unlistedModel},
	{"unknown_parameter_is_400", func() {
		err := fails(400, "unknown_parameter", wish{}, once, option.WithJSONSet("colour", "red"))
		check(err.Param == "colour", "the error names the field")
	}},
	{"refusal_is_400", refusal},
	{"spent_rate_is_429", spentRate},
	{"spent_budget_is_429", func() {
		err := fails(429, "insufficient_quota", wish{}, withKeyOf("SPENT", retries))
		check(err.Type == "insufficient_quota", "a spent budget has its type")
	}},
	{"broken_upstream_is_502", func() {
		fails(502, "upstream_disconnected", wish{Prompt: "fail 502 [[sim:cut_mid_image]]"}, once)
	}},
	{"overload_is_503", func() {
		err := fails(503, "server_is_overloaded", wish{Prompt: "fail 503 [[sim:overloaded]]"}, once)
		check(must(strconv.Atoi(header(err, "retry-after"))) >= 1, "an overload says when to come back")
	}},
	{"retry_waits_as_requested", func() {
		checkImages(b64s(generate(client, wish{Prompt: "fail 429 once [[sim:rate_limit@1]]"})), 1)
	}},
	{"no_retry_as_requested", func() {
		spent := wish{Prompt: "fail 429 for good [[sim:insufficient_quota]]"}
		err := fails(429, "insufficient_quota", spent, client)
		check(header(err, "x-should-retry") == "false", "the answer says so")
	}},
	{"late_image", func() {
		result := generate(client, wish{Prompt: "late"})
		check(strings.HasPrefix(result.RawJSON(), "{"), "the client leaves the white space out")
		checkImages(b64s(result), 1)
	}},
	{"late_error_is_returned", lateError},
	{"late_cut_raises", lateCut},
}

type wish = openai.ImageGenerateParams

var retries = option.WithMaxRetries(2)

func withKey(key string, options ...option.RequestOption) openai.Client {
	options = append([]option.RequestOption{option.WithMaxRetries(0), option.WithAPIKey(key)}, options...)
	return openai.NewClient(options...)
}

// withKeyOf uses a key that the test hands over.
func withKeyOf(name string, options ...option.RequestOption) openai.Client {
	return withKey(os.Getenv("IMAGEGATE_"+name+"_KEY"), options...)
}

// complete has a model and a prompt in any case.
func complete(wanted wish) wish {
	if wanted.Model == "" {
		wanted.Model = model
	}
	if wanted.Prompt == "" {
		wanted.Prompt = "A lighthouse [[sim:vary]]"
	}
	return wanted
}

func generate(by openai.Client, wanted wish) *openai.ImagesResponse {
	return must(by.Images.Generate(ctx, complete(wanted)))
}

func b64s(result *openai.ImagesResponse) (images []string) {
	for _, it := range result.Data {
		images = append(images, it.B64JSON)
	}
	return images
}

// fails wants the client's own error, with our status and code, and a request id.
func fails(status int, code string, wanted wish, by openai.Client, options ...option.RequestOption) *openai.Error {
	_, err := by.Images.Generate(ctx, complete(wanted), options...)
	return reported(err, status, code)
}

func reported(err error, status int, code string) *openai.Error {
	var known *openai.Error
	check(errors.As(err, &known), "%v is an openai.Error", err)
	check(known.StatusCode == status && known.Code == code, "%d %s is %d %s", known.StatusCode, known.Code, status, code)
	check(known.Message != "", "the error has a message")
	check(header(known, "x-request-id") != "", "the error has a request id")
	return known
}

func header(err *openai.Error, name string) string { return err.Response.Header.Get(name) }

func oneImage() {
	result := generate(once, wish{Size: "1024x1024", Quality: "low", OutputFormat: "png", Background: "auto", Moderation: "auto"})
	checkImages(b64s(result), 1)
	check(result.Created > 1_600_000_000, "created is a time in seconds")
	check(result.Size == "1024x1024" && result.OutputFormat == "png", "the answer names the generated image")
	usage := result.Usage
	check(usage.TotalTokens == usage.InputTokens+usage.OutputTokens && usage.TotalTokens > 0, "the usage adds up")
}

func imageAsURL() {
	image := generate(once, wish{ResponseFormat: "url"}).Data[0]
	kind, data, _ := strings.Cut(image.URL, ",")
	check(kind == "data:image/png;base64" && image.B64JSON == "", "%s is the image itself", kind)
	checkImages([]string{data}, 1)
}

func file(edge int, name string) io.Reader { return openai.File(square(edge, 255), name, "image/png") }

func edit() {
	checkImages(b64s(must(once.Images.Edit(ctx, openai.ImageEditParams{
		Model: model, Prompt: "edit of 1 [[sim:vary]]", N: openai.Int(2), Size: "1024x1024",
		Image: openai.ImageEditParamsImageUnion{OfFile: file(64, "image.png")},
	}))), 2)
}

// A reader without a name is sent as `anonymous_file` with the type `application/octet-stream`.
func editWithMask() {
	checkImages(b64s(must(once.Images.Edit(ctx, openai.ImageEditParams{
		Model: model, Prompt: "edit of 2 masked [[sim:vary]]", Mask: square(64, 0),
		Image: openai.ImageEditParamsImageUnion{OfFileArray: []io.Reader{square(64, 255), file(32, "second.png")}},
	}))), 1)
}

// event is what both kinds of events have.
type event struct {
	kind, b64, size string
	place, tokens   int64
}

// events reads a stream to its end.
func events[T any](stream *ssestream.Stream[T], read func(T) event) (events []event) {
	for stream.Next() {
		events = append(events, read(stream.Current()))
	}
	check(stream.Err() == nil, "the stream ends well: %v", stream.Err())
	return events
}

func checkEvents(events []event, family string, previews int) {
	check(len(events) == previews+1, "%d events are %d previews and the image", len(events), previews)
	images := []string{}
	for place, it := range events[:previews] {
		check(it.kind == family+".partial_image" && it.place == int64(place), "preview %d: %s %d", place, it.kind, it.place)
		images = append(images, it.b64)
	}
	last := events[previews]
	check(last.kind == family+".completed", "%s comes last", last.kind)
	check(last.tokens > 0 && last.size == "1024x1024", "the event has its fields")
	checkImages(append(images, last.b64), previews+1)
}

func ofGeneration(it openai.ImageGenStreamEventUnion) event {
	return event{it.Type, it.B64JSON, it.Size, it.PartialImageIndex, it.Usage.TotalTokens}
}

func stream() {
	wanted := complete(wish{Prompt: "stream [[sim:vary]]", PartialImages: openai.Int(2)})
	checkEvents(events(once.Images.GenerateStreaming(ctx, wanted), ofGeneration), "image_generation", 2)
}

func streamOfEdit() {
	stream := once.Images.EditStreaming(ctx, openai.ImageEditParams{
		Model: model, Prompt: "edit of 1 [[sim:vary]]",
		Image: openai.ImageEditParamsImageUnion{OfFile: file(64, "image.png")},
	})
	checkEvents(events(stream, func(it openai.ImageEditStreamEventUnion) event {
		return event{it.Type, it.B64JSON, it.Size, it.PartialImageIndex, it.Usage.TotalTokens}
	}), "image_edit", 0)
}

func streamRefused() {
	stream := once.Images.GenerateStreaming(ctx, complete(wish{Prompt: "fail 400 [[sim:moderation]]"}))
	check(!stream.Next(), "no event comes")
	reported(stream.Err(), 400, "moderation_blocked")
}

func brokenStream() {
	wanted := complete(wish{Prompt: "break [[sim:end_mid_image]]", PartialImages: openai.Int(1)})
	stream := once.Images.GenerateStreaming(ctx, wanted)
	check(stream.Next() && stream.Current().Type == "image_generation.partial_image", "the preview came")
	check(!stream.Next(), "no image comes")
	var known *ssestream.StreamError
	check(errors.As(stream.Err(), &known), "%v is a StreamError", stream.Err())
	check(strings.Contains(string(known.Event.Data), `"code":"upstream_disconnected"`), "%s has our code", known.Event.Data)
}

func listed(by openai.Client) (names []string) {
	models := by.Models.ListAutoPaging(ctx)
	for models.Next() {
		names = append(names, models.Current().ID)
	}
	check(models.Err() == nil, "the list ends well: %v", models.Err())
	return names
}

func modelsAreListed() {
	names := listed(once)
	check(slices.Equal(names, []string{"gpt-image-1", "gpt-image-2", "gpt-image-1.5"}), "%v is what the key may ask for", names)
	one := must(once.Models.Get(ctx, model))
	check(one.ID == model && one.Object == "model" && one.OwnedBy != "", "a model has its fields")
	narrow := listed(withKeyOf("NARROW"))
	check(slices.Equal(narrow, []string{"gpt-image-2"}), "%v is what the narrow key may ask for", narrow)
}

func unlistedModel() {
	_, err := once.Models.Get(ctx, "dall-e-9")
	check(reported(err, 404, "model_not_found").Param == "model", "the error names the field")
	narrow := withKeyOf("NARROW")
	_, err = narrow.Models.Get(ctx, "gpt-image-1.5")
	check(reported(err, 404, "model_not_found").Param == "model", "the error names the field")
}

func refusal() {
	err := fails(400, "moderation_blocked", wish{Prompt: "fail 400 [[sim:moderation]]"}, once)
	check(err.Type == "image_generation_user_error", "a refusal has its type")
	details := err.JSON.ExtraFields["moderation_details"]
	check(strings.Contains(details.Raw(), "violence"), "the details of a refusal are there: %s", details.Raw())
}

// The wait is an hour, so the client does not come back although it has tries left.
func spentRate() {
	limited := withKeyOf("LIMITED", retries)
	checkImages(b64s(generate(limited, wish{})), 1)
	err := fails(429, "rate_limit_exceeded", wish{}, limited)
	check(must(strconv.Atoi(header(err, "retry-after"))) > 60, "the answer says when to come back")
	check(header(err, "x-ratelimit-remaining-requests") == "0", "the headers have the limit status")
}

// The status was 200: there is no error, and no image either.
func lateError() {
	result := generate(client, wish{Prompt: "fail late"})
	check(result.Data == nil && result.Created == 0, "there is no image")
	kept := result.JSON.ExtraFields["error"]
	check(strings.Contains(kept.Raw(), `"code":"server_is_overloaded"`), "the error is in its place: %s", kept.Raw())
}

// It tries again where no head comes, but not where the body breaks off.
func lateCut() {
	_, err := client.Images.Generate(ctx, complete(wish{Prompt: "cut late"}))
	var known *openai.Error
	check(errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &known), "%v is an error of the connection", err)
}
