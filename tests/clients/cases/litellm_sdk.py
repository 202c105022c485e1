"""The cases of LiteLLM, which sends by OpenAI's client and raises exceptions of its own.

Its exceptions are made from the status and the message, and carry no `code`. It has no exception of its own for a 403 of an image.
"""

import os

# It would fetch prices while it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
from cases import LIMITED, MODEL, NARROW, SPENT, UNKNOWN, case, check, check_pngs, png, raised, run  # noqa: E402

# It knows the provider by the first word, and sends what follows.
NAME = f"openai/{MODEL}"
TO = {"api_base": os.environ["OPENAI_BASE_URL"], "timeout": 120}


def generate(**fields):
    """`max_retries` is left to LiteLLM where a case is about retries."""
    return litellm.image_generation(**{"model": NAME, "prompt": "A lighthouse [[sim:vary]]", **TO, **fields})


def fails(kind, status, words, max_retries=0, **fields):
    if max_retries is not None:
        fields["max_retries"] = max_retries
    error = raised(kind, lambda: generate(**fields))
    check(error.status_code == status, f"{error.status_code} is {status}")
    check(words in str(error), f"the message says '{words}': {error}")
    return error


def check_images(result, count):
    check_pngs([item.b64_json for item in result.data], count)


@case
def one_image():
    result = generate(size="1024x1024", quality="low", output_format="png")
    check_images(result, 1)
    check(result.created > 1_600_000_000, "created is a time in seconds")
    check(result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0, "the usage adds up")


@case
def three_images():
    check_images(generate(n=3), 3)


@case
def edit():
    result = litellm.image_edit(model=NAME, prompt="edit of 1 [[sim:vary]]", image=png(64), n=2, size="1024x1024", **TO)
    check_images(result, 2)


@case
def edit_with_mask():
    files = [png(64), png(32)]
    masked = {"image": files, "mask": png(64, alpha=0)}
    check_images(litellm.image_edit(model=NAME, prompt="edit of 2 masked [[sim:vary]]", **masked, **TO), 1)


@case
def unknown_key_is_401():
    fails(litellm.AuthenticationError, 401, "Incorrect API key provided", api_key=UNKNOWN)


@case
def forbidden_model_is_403():
    fails(litellm.APIError, 403, "may not use the model", api_key=NARROW, model="openai/gpt-image-1.5")


@case
def unknown_model_is_404():
    fails(litellm.NotFoundError, 404, "does not exist", model="openai/dall-e-9")


@case
def unknown_parameter_is_400():
    fails(litellm.BadRequestError, 400, "Unknown parameter: 'colour'", extra_body={"colour": "red"})


@case
def refusal_is_400():
    fails(litellm.BadRequestError, 400, "safety system", prompt="fail 400 [[sim:moderation]]")


@case
def spent_rate_is_429():
    check_images(generate(api_key=LIMITED), 1)
    fails(litellm.RateLimitError, 429, "Rate limit 'once-an-hour' reached", max_retries=None, api_key=LIMITED)


@case
def spent_budget_is_429():
    fails(litellm.RateLimitError, 429, "Budget 'a-cent' does not cover", max_retries=None, api_key=SPENT)


@case
def broken_upstream_is_502():
    fails(litellm.BadGatewayError, 502, "ended its answer before", prompt="fail 502 [[sim:cut_mid_image]]")


@case
def overload_is_503():
    fails(litellm.ServiceUnavailableError, 503, "overloaded", prompt="fail 503 [[sim:overloaded]]")


@case
def retry_waits_as_requested():
    check_images(generate(prompt="fail 429 once [[sim:rate_limit@1]]"), 1)


@case
def no_retry_as_requested():
    fails(litellm.RateLimitError, 429, "quota is used up", max_retries=None, prompt="fail 429 for good [[sim:insufficient_quota]]")


@case
def late_image():
    check_images(generate(prompt="late"), 1)


@case
def late_error_raises():
    # It makes an exception of it, whose status is our `code` and which has lost our words.
    error = raised(litellm.APIError, lambda: generate(prompt="fail late"))
    check(error.status_code == "server_is_overloaded", f"{error.status_code} is our code")
    check("overloaded" not in str(error), f"our words are lost: {error}")


@case
def late_cut_is_tried_again():
    check_images(generate(prompt="cut late"), 1)


run()
