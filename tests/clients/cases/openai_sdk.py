"""The cases of OpenAI's Python client, the newest and 1.x."""

import openai
from cases import LIMITED, MODEL, NARROW, SPENT, UNKNOWN, case, check, check_pngs, png, raised, run

# As a service sets it up, its address and key apart: retries are the client's default, two.
client = openai.OpenAI(timeout=120)
# Where retries would only make a case longer.
once = client.with_options(max_retries=0)


def generate(by=once, **fields):
    return by.images.generate(**{"model": MODEL, "prompt": "A lighthouse [[sim:vary]]", **fields})


def fails(kind, status, code, by=once, **fields):
    error = raised(kind, lambda: generate(by, **fields))
    check((error.status_code, error.code) == (status, code), f"{error.status_code} {error.code} is {status} {code}")
    check(error.request_id, "the error has a request id")
    return error


@case
def one_image():
    result = generate(size="1024x1024", quality="low", output_format="png", background="auto", moderation="auto")
    check_pngs([item.b64_json for item in result.data], 1)
    check(result.created > 1_600_000_000, "created is a time in seconds")
    check(result.size == "1024x1024" and result.output_format == "png", "the answer names the generated image")
    check(result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0, "the usage adds up")
    check(result._request_id, "the answer has a request id")


@case
def three_images():
    check_pngs([item.b64_json for item in generate(n=3).data], 3)


@case
def image_as_url():
    image = generate(response_format="url").data[0]
    check(image.b64_json is None, "the image comes once")
    kind, data = image.url.split(",")
    check(kind == "data:image/png;base64", f"{kind} is the image itself")
    check_pngs([data], 1)


@case
def edit():
    image = ("image.png", png(64), "image/png")
    result = once.images.edit(model=MODEL, prompt="edit of 1 [[sim:vary]]", image=image, n=2, size="1024x1024")
    check_pngs([item.b64_json for item in result.data], 2)


@case
def edit_with_mask():
    files = [png(64), ("second.png", png(32))]
    result = once.images.edit(model=MODEL, prompt="edit of 2 masked [[sim:vary]]", image=files, mask=png(64, alpha=0))
    check_pngs([item.b64_json for item in result.data], 1)


def check_events(events, family, previews):
    names = [event.type for event in events]
    check(names == [f"{family}.partial_image"] * previews + [f"{family}.completed"], f"the events are as requested: {names}")
    check([event.partial_image_index for event in events[:-1]] == list(range(previews)), "the previews are counted")
    check_pngs([event.b64_json for event in events], previews + 1)
    check(events[-1].usage.total_tokens > 0 and events[-1].size == "1024x1024", "the event has its fields")


@case
def stream():
    check_events(list(generate(prompt="stream [[sim:vary]]", stream=True, partial_images=2)), "image_generation", 2)


@case
def stream_of_edit():
    wanted = {"model": MODEL, "prompt": "edit of 1 [[sim:vary]]", "image": png(64), "stream": True}
    check_events(list(once.images.edit(**wanted)), "image_edit", 0)


@case
def stream_refused_is_400():
    fails(openai.BadRequestError, 400, "moderation_blocked", prompt="fail 400 [[sim:moderation]]", stream=True)


@case
def broken_stream_raises():
    # Closed here: httpcore waits for itself for ever if the garbage collector closes it in a request.
    with generate(prompt="break [[sim:end_mid_image]]", stream=True, partial_images=1) as events:
        check(next(events).type == "image_generation.partial_image", "the preview came")
        error = raised(openai.APIError, lambda: next(events))
    check(error.code == "upstream_disconnected", f"{error.code} is reported")


@case
def unknown_key_is_401():
    error = fails(openai.AuthenticationError, 401, "invalid_api_key", by=once.with_options(api_key=UNKNOWN))
    check(error.type == "invalid_request_error", "the error has its type")


@case
def forbidden_model_is_403():
    narrow = once.with_options(api_key=NARROW)
    error = fails(openai.PermissionDeniedError, 403, "model_not_allowed", by=narrow, model="gpt-image-1.5")
    check(error.param == "model", "the error names the field")


@case
def unknown_model_is_404():
    fails(openai.NotFoundError, 404, "model_not_found", model="dall-e-9")


@case
def models_are_listed():
    listed = [model.id for model in once.models.list()]
    check(listed == ["gpt-image-1", "gpt-image-2", "gpt-image-1.5"], f"{listed} is what the key may ask for")
    model = once.models.retrieve(MODEL)
    check((model.id, model.object) == (MODEL, "model") and model.owned_by, f"{model!r:.200} has its fields")
    narrow = [model.id for model in once.with_options(api_key=NARROW).models.list()]
    check(narrow == ["gpt-image-2"], f"{narrow} is what the narrow key may ask for")


@case
def unlisted_model_is_404():
    for by, model in [(once, "dall-e-9"), (once.with_options(api_key=NARROW), "gpt-image-1.5")]:
        error = raised(openai.NotFoundError, lambda by=by, model=model: by.models.retrieve(model))
        check((error.code, error.param) == ("model_not_found", "model"), f"{error.code} {error.param} are reported")


@case
def unknown_parameter_is_400():
    error = fails(openai.BadRequestError, 400, "unknown_parameter", extra_body={"colour": "red"})
    check(error.param == "colour", "the error names the field")


@case
def refusal_is_400():
    error = fails(openai.BadRequestError, 400, "moderation_blocked", prompt="fail 400 [[sim:moderation]]")
    check(error.type == "image_generation_user_error", "a refusal has its type")
    check(error.body["moderation_details"]["categories"] == ["violence"], "the details of a refusal are there")


@case
def spent_rate_is_429():
    # The wait is an hour, so the client does not come back although it has tries left.
    limited = client.with_options(api_key=LIMITED)
    check_pngs([item.b64_json for item in generate(limited).data], 1)
    error = fails(openai.RateLimitError, 429, "rate_limit_exceeded", by=limited)
    check(error.response.headers["x-ratelimit-remaining-requests"] == "0", "the headers have the limit status")


@case
def spent_budget_is_429():
    spent = client.with_options(api_key=SPENT)
    error = fails(openai.RateLimitError, 429, "insufficient_quota", by=spent)
    check(error.type == "insufficient_quota", "a spent budget has its type")


@case
def broken_upstream_is_502():
    fails(openai.InternalServerError, 502, "upstream_disconnected", prompt="fail 502 [[sim:cut_mid_image]]")


@case
def overload_is_503():
    error = fails(openai.InternalServerError, 503, "server_is_overloaded", prompt="fail 503 [[sim:overloaded]]")
    check(int(error.response.headers["retry-after"]) >= 1, "an overload says when to come back")


@case
def retry_waits_as_requested():
    check_pngs([item.b64_json for item in generate(client, prompt="fail 429 once [[sim:rate_limit@1]]").data], 1)


@case
def no_retry_as_requested():
    # The upstream's quota is spent: `x-should-retry: false`.
    error = fails(openai.RateLimitError, 429, "insufficient_quota", by=client, prompt="fail 429 for good [[sim:insufficient_quota]]")
    check(error.response.headers["x-should-retry"] == "false", "the answer says so")


@case
def late_image():
    raw = client.images.with_raw_response.generate(model=MODEL, prompt="late")
    check(raw.content.startswith(b" "), "white space kept the answer open")
    check_pngs([item.b64_json for item in raw.parse().data], 1)


@case
def late_error_is_returned():
    # Nothing is raised: the status was 200. What there is of the answer's fields is None.
    result = generate(client, prompt="fail late")
    check(result.data is None and result.created is None and result.usage is None, f"{result!r:.200} has no image")
    check(result.model_extra["error"]["code"] == "server_is_overloaded", "the error is beside the fields that are known")
    check(result.error == result.model_extra["error"], "and an attribute")


@case
def late_cut_is_tried_again():
    # A connection that breaks after the head counts as broken, for any status.
    check_pngs([item.b64_json for item in generate(client, prompt="cut late").data], 1)


run()
