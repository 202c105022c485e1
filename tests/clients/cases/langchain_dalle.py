"""The cases of LangChain's `DallEAPIWrapper`, which reads `url` only.

Before GPT image models it works where the configuration says `"default_response_format": "url"`, so that the answer holds
`data:` URLs. What it raises is what OpenAI's client under it raises.
"""

import base64
import os
import urllib.request

import openai
from cases import LIMITED, MODEL, NARROW, SPENT, UNKNOWN, case, check, check_pngs, raised, run
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper


def wrapper(**fields):
    settings = {"model": MODEL, "base_url": os.environ["OPENAI_BASE_URL"], "timeout": 120, **fields}
    return DallEAPIWrapper(**settings)


def fails(kind, status, code, prompt="A lighthouse [[sim:vary]]", **fields):
    error = raised(kind, lambda: wrapper(**fields).run(prompt))
    check((error.status_code, error.code) == (status, code), f"{error.status_code} {error.code} is {status} {code}")


def check_urls(text, count):
    """The wrapper's answer is a line for each URL; one of `data:` opens as any other does."""
    files = [urllib.request.urlopen(url).read() for url in text.splitlines()]
    check_pngs([base64.b64encode(file) for file in files], count)


@case
def one_image():
    check_urls(wrapper(quality="low").run("A lighthouse [[sim:vary]]"), 1)


@case
def three_images():
    check_urls(wrapper(n=3).run("A lighthouse [[sim:vary]]"), 3)


@case
def unknown_key_is_401():
    fails(openai.AuthenticationError, 401, "invalid_api_key", api_key=UNKNOWN)


@case
def forbidden_model_is_403():
    fails(openai.PermissionDeniedError, 403, "model_not_allowed", api_key=NARROW, model="gpt-image-1.5")


@case
def unknown_model_is_404():
    fails(openai.NotFoundError, 404, "model_not_found", model="dall-e-2")


@case
def refusal_is_400():
    fails(openai.BadRequestError, 400, "moderation_blocked", prompt="fail 400 [[sim:moderation]]")


@case
def spent_rate_is_429():
    check_urls(wrapper(api_key=LIMITED).run("A lighthouse [[sim:vary]]"), 1)
    fails(openai.RateLimitError, 429, "rate_limit_exceeded", api_key=LIMITED)


@case
def spent_budget_is_429():
    fails(openai.RateLimitError, 429, "insufficient_quota", api_key=SPENT)


@case
def broken_upstream_is_502():
    fails(openai.InternalServerError, 502, "upstream_disconnected", prompt="fail 502 [[sim:cut_mid_image]]", max_retries=0)


@case
def overload_is_503():
    fails(openai.InternalServerError, 503, "server_is_overloaded", prompt="fail 503 [[sim:overloaded]]", max_retries=0)


@case
def retry_waits_as_requested():
    check_urls(wrapper().run("fail 429 once [[sim:rate_limit@1]]"), 1)


@case
def no_retry_as_requested():
    fails(openai.RateLimitError, 429, "insufficient_quota", prompt="fail 429 for good [[sim:insufficient_quota]]")


@case
def late_image():
    check_urls(wrapper().run("late"), 1)


@case
def late_error_raises():
    # It reads `data` without a look at it: a TypeError that says nothing of the reason.
    error = raised(TypeError, lambda: wrapper().run("fail late"))
    check("NoneType" in str(error), str(error))


@case
def late_cut_is_tried_again():
    check_urls(wrapper().run("cut late"), 1)


run()
