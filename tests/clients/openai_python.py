"""OpenAI's Python client against imagegate; `tests/e2e/sdks.rs` runs it.

`OPENAI_BASE_URL` and `OPENAI_API_KEY` are the client's own settings. The argument is `all` (a scripted upstream, where
the prompt `fail 429` leads to that) or `image` (an upstream that generates). The last line says how many checks held.
"""

import base64
import io
import json
import os
import sys

import openai

checks = 0


def check(holds, what):
    global checks
    if not holds:
        sys.exit(f"this does not hold: {what}")
    checks += 1


def raises(kind, status, code, request):
    """Checks that the request ends in the client's own exception, and returns it."""
    try:
        request()
    except kind as error:
        check(type(error) is kind, f"{type(error)} is {kind}")
        check(error.status_code == status, f"{error.status_code} is {status}")
        check(error.code == code, f"{error.code} is {code}")
        check(error.request_id, "the error has a request id")
        check(error.message, "the error has a message")
        return error
    except openai.APIError as error:
        sys.exit(f"{kind.__name__} was expected, but got this: {error!r}")
    sys.exit(f"{kind.__name__} was expected, but nothing was raised")


def generations(client):
    result = client.images.generate(model="gpt-image-2", prompt="A lighthouse", size="1024x1024", quality="low")
    check(base64.b64decode(result.data[0].b64_json, validate=True).startswith(b"\x89PNG\r\n\x1a\n"), "a PNG came")
    check(result.created > 1_600_000_000, "created is a time in seconds")
    check(result._request_id, "the answer has a request id")
    check(result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens, "the usage adds up")
    check(result.usage.input_tokens_details.text_tokens >= 0, "the usage has its details")


def several(client):
    result = client.images.generate(model="gpt-image-2", prompt="Two lighthouses", n=2, output_format="png")
    check(len(result.data) == 2, "two images came")
    raw = client.images.with_raw_response.generate(prompt="A raw lighthouse", size="auto", background="opaque")
    check(raw.headers["x-request-id"], "the header has the request id")
    check(raw.parse().data[0].b64_json, "a raw answer can be parsed")
    wanted = client.images.generate(prompt="With references", extra_body={"images": ["data:image/png;base64,iVBORw0KGgo="]})
    check(wanted.data[0].b64_json, "reference images may be sent in the body")


def edits(client):
    """Each prompt says what the upstream should have got: `tests/e2e/sdks.rs` checks it and answers 400 otherwise."""
    generated = client.images.generate(model="gpt-image-2", prompt="A lighthouse")
    png = base64.b64decode(generated.data[0].b64_json)
    edited = client.images.edit(model="gpt-image-2", prompt="edit images=1 mask=0", image=png, size="1024x1024", quality="low")
    check(edited.data[0].b64_json, "an edit of one file brings an image")
    check(edited.usage.total_tokens > 0, "an edit has a usage")
    files = [("a.png", png), ("b.png", png, "application/octet-stream"), io.BytesIO(png)]
    edited = client.images.edit(prompt="edit images=3 mask=1", image=files, mask=("mask.png", png), n=3, background="opaque")
    check(len(edited.data) == 3, "three images come of several files and a mask")
    edited = client.images.edit(model="gpt-image-1.5", prompt="edit images=1 mask=0", image=[png], input_fidelity="high", output_compression=80, output_format="webp")
    check(edited.data[0].b64_json, "a list of one file is an edit too")
    large = png[:8] + os.urandom(10_000_000)
    check(client.images.edit(prompt="edit images=1 mask=0", image=large).data[0].b64_json, "10 MB can be edited")
    check(client.images.edit(prompt="edit images=16 mask=0", image=[png] * 16).data[0].b64_json, "16 files can be edited")
    error = raises(openai.BadRequestError, 400, "array_above_max_length", lambda: client.images.edit(prompt="p", image=[png] * 17))
    check(error.param == "image", "the error names the field")
    error = raises(openai.BadRequestError, 400, "invalid_image", lambda: client.images.edit(prompt="p", image=[png, b"no image"]))
    check(error.param == "image[1]", "the error names the file")
    raises(openai.NotFoundError, 404, "unknown_url", lambda: client.post("/images/variations", cast_to=object, body={}))


def streamed(client):
    wanted = {"model": "gpt-image-2", "size": "1024x1024", "stream": True}
    *previews, last = client.images.generate(**wanted, prompt="A lighthouse", partial_images=1)
    check([it.type for it in previews] == ["image_generation.partial_image"], "one preview came, as requested")
    check(previews[0].partial_image_index == 0 and previews[0].b64_json, "the preview is the first")
    check(last.type == "image_generation.completed", "the image came last")
    check(base64.b64decode(last.b64_json, validate=True).startswith(b"\x89PNG\r\n\x1a\n"), "a PNG came in an event")
    check(last.usage.total_tokens > 0 and last.usage.input_tokens_details.text_tokens >= 0, "the event has its usage")
    check(last.size == "1024x1024" and last.created_at > 1_600_000_000, "the event has its fields")
    events = [it.type for it in client.images.generate(**wanted, prompt="A lighthouse")]
    check(events == ["image_generation.completed"], "no preview comes if none is requested")


def broken_streams(client):
    def asking(prompt):
        return client.images.generate(model="gpt-image-2", prompt=prompt, stream=True, partial_images=1)

    raises(openai.BadRequestError, 400, "moderation_blocked", lambda: asking("fail 400"))
    raises(openai.RateLimitError, 429, "insufficient_quota", lambda: asking("fail 429"))
    for prompt, code in [("fail late", "server_is_overloaded"), ("end early", "upstream_disconnected")]:
        # Closed here: httpcore waits for itself for ever if the garbage collector closes it in a request.
        with asking(prompt) as events:
            check(next(events).type == "image_generation.partial_image", "a preview comes before the failure")
            try:
                check(next(events) is None, "the failure is raised")
            except openai.APIError as error:
                check(error.code == code, f"{error.code} is {code}")


def errors(client):
    def asking(by=client, **fields):
        return lambda: by.images.generate(**{"model": "gpt-image-2", "prompt": "A lighthouse", **fields})

    invalid = "invalid_api_key"
    raises(openai.AuthenticationError, 401, invalid, asking(by=client.with_options(api_key="sk-of-no-consumer")))
    error = raises(openai.BadRequestError, 400, "moderation_blocked", asking(prompt="fail 400"))
    check(error.type == "image_generation_user_error", "a refusal has its type")
    error = raises(openai.BadRequestError, 400, "integer_above_max_value", asking(n=11))
    check(error.param == "n", "the error names the field")
    raises(openai.BadRequestError, 400, "unknown_parameter", asking(extra_body={"colour": "red"}))
    error = raises(openai.BadRequestError, 400, "invalid_value", asking(stream=True, n=2))
    check(error.param == "n", "a stream has one image")
    master = client.with_options(api_key=os.environ["IMAGEGATE_MASTER_KEY"])
    raises(openai.BadRequestError, 400, "missing_required_parameter", asking(by=master))
    narrow = client.with_options(api_key=os.environ["IMAGEGATE_NARROW_KEY"])
    raises(openai.PermissionDeniedError, 403, "model_not_allowed", asking(by=narrow, model="gpt-image-1.5"))
    raises(openai.NotFoundError, 404, "model_not_found", asking(model="dall-e-9"))
    error = raises(openai.RateLimitError, 429, "insufficient_quota", asking(prompt="fail 429"))
    check(error.response.headers["x-should-retry"] == "false", "a spent quota must not be tried again")
    raises(openai.InternalServerError, 502, "upstream_disconnected", asking(prompt="fail 502"))
    error = raises(openai.InternalServerError, 503, "server_is_overloaded", asking(prompt="fail 503"))
    check(int(error.response.headers["retry-after"]) >= 1, "an overload says when to come back")


def main():
    # No retries: each request is one of the checks.
    client = openai.OpenAI(max_retries=0, timeout=60)
    generations(client)
    edits(client)
    streamed(client)
    if sys.argv[1] == "all":
        several(client)
        broken_streams(client)
        errors(client)
    print(json.dumps({"client": f"openai-python {openai.__version__}", "checks": checks}))


main()
