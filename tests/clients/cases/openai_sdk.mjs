// The cases of OpenAI's client for Node.

import { LIMITED, MODEL, NARROW, SPENT, UNKNOWN, check, checkPngs, png, raised, require, run } from "./cases.mjs";

const { OpenAI, APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError, toFile } =
  require("openai");

// As a service sets it up, its address and key apart: retries are the client's default, two.
const client = new OpenAI({ timeout: 120_000 });
// Where retries would only make a case longer.
const once = client.withOptions({ maxRetries: 0 });
const withKey = (apiKey, by = once) => by.withOptions({ apiKey });

const generate = (fields, by = once) => by.images.generate({ model: MODEL, prompt: "A lighthouse [[sim:vary]]", ...fields });
const checkImages = (result, count) => checkPngs(result.data.map((item) => item.b64_json), count);

async function fails(kind, status, code, fields, by = once) {
  const error = await raised(generate(fields, by));
  check(error.constructor === kind, `${error} is a ${kind.name}`);
  check(error.status === status && error.code === code, `${error.status} ${error.code} is ${status} ${code}`);
  check(error.requestID, "the error has a request id");
  return error;
}

function checkEvents(events, family, previews) {
  const names = events.map((event) => event.type).join();
  check(names === [...Array(previews).fill(`${family}.partial_image`), `${family}.completed`].join(), `the events are as requested: ${names}`);
  check(events.slice(0, -1).every((event, place) => event.partial_image_index === place), "the previews are counted");
  checkPngs(events.map((event) => event.b64_json), previews + 1);
  check(events.at(-1).usage.total_tokens > 0 && events.at(-1).size === "1024x1024", "the event has its fields");
}

await run({
  async one_image() {
    const wanted = { size: "1024x1024", quality: "low", output_format: "png", background: "auto", moderation: "auto" };
    const result = await generate(wanted);
    checkImages(result, 1);
    check(result.created > 1_600_000_000, "created is a time in seconds");
    check(result.size === "1024x1024" && result.output_format === "png", "the answer names the generated image");
    check(result.usage.total_tokens === result.usage.input_tokens + result.usage.output_tokens, "the usage adds up");
    check(result._request_id, "the answer has a request id");
  },

  async three_images() {
    checkImages(await generate({ n: 3 }), 3);
  },

  async image_as_url() {
    const [image] = (await generate({ response_format: "url" })).data;
    const [kind, data] = image.url.split(",");
    check(kind === "data:image/png;base64" && image.b64_json === undefined, `${kind} is the image itself`);
    checkPngs([data], 1);
  },

  async edit() {
    const image = await toFile(png(64), "image.png", { type: "image/png" });
    checkImages(await once.images.edit({ model: MODEL, prompt: "edit of 1 [[sim:vary]]", image, n: 2, size: "1024x1024" }), 2);
  },

  async edit_with_mask() {
    const file = (bytes, name) => toFile(bytes, name, { type: "image/png" });
    const image = [await file(png(64), "first.png"), await file(png(32), "second.png")];
    const mask = await file(png(64, 0), "mask.png");
    checkImages(await once.images.edit({ model: MODEL, prompt: "edit of 2 masked [[sim:vary]]", image, mask }), 1);
  },

  async stream() {
    const events = await Array.fromAsync(await generate({ prompt: "stream [[sim:vary]]", stream: true, partial_images: 2 }));
    checkEvents(events, "image_generation", 2);
  },

  async stream_of_edit() {
    const image = await toFile(png(64), "image.png", { type: "image/png" });
    const wanted = { model: MODEL, prompt: "edit of 1 [[sim:vary]]", image, stream: true };
    checkEvents(await Array.fromAsync(await once.images.edit(wanted)), "image_edit", 0);
  },

  async stream_refused_is_400() {
    await fails(BadRequestError, 400, "moderation_blocked", { prompt: "fail 400 [[sim:moderation]]", stream: true });
  },

  async broken_stream_raises() {
    const seen = [];
    const reading = async () => {
      for await (const event of await generate({ prompt: "break [[sim:end_mid_image]]", stream: true, partial_images: 1 })) seen.push(event.type);
    };
    const error = await raised(reading());
    check(seen.join() === "image_generation.partial_image", `the preview came: ${seen}`);
    check(error instanceof APIError && error.code === "upstream_disconnected", `${error} is reported`);
  },

  async unknown_key_is_401() {
    const error = await fails(AuthenticationError, 401, "invalid_api_key", {}, withKey(UNKNOWN));
    check(error.type === "invalid_request_error", "the error has its type");
  },

  async forbidden_model_is_403() {
    const error = await fails(PermissionDeniedError, 403, "model_not_allowed", { model: "gpt-image-1.5" }, withKey(NARROW));
    check(error.param === "model", "the error names the field");
  },

  async unknown_model_is_404() {
    await fails(NotFoundError, 404, "model_not_found", { model: "dall-e-9" });
  },

  async models_are_listed() {
    const ids = async (by) => (await Array.fromAsync(await by.models.list())).map((model) => model.id).join();
    const listed = await ids(once);
    check(listed === "gpt-image-1,gpt-image-2,gpt-image-1.5", `${listed} is what the key may ask for`);
    const model = await once.models.retrieve(MODEL);
    check(model.id === MODEL && model.object === "model" && model.owned_by, "a model has its fields");
    const narrow = await ids(withKey(NARROW));
    check(narrow === "gpt-image-2", `${narrow} is what the narrow key may ask for`);
  },

  async unlisted_model_is_404() {
    for (const [by, model] of [[once, "dall-e-9"], [withKey(NARROW), "gpt-image-1.5"]]) {
      const error = await raised(by.models.retrieve(model));
      check(error.constructor === NotFoundError, `${error} is a NotFoundError`);
      check(error.code === "model_not_found" && error.param === "model", `${error.code} ${error.param} are reported`);
    }
  },

  async unknown_parameter_is_400() {
    const error = await fails(BadRequestError, 400, "unknown_parameter", { colour: "red" });
    check(error.param === "colour", "the error names the field");
  },

  async refusal_is_400() {
    const error = await fails(BadRequestError, 400, "moderation_blocked", { prompt: "fail 400 [[sim:moderation]]" });
    check(error.type === "image_generation_user_error", "a refusal has its type");
    check(error.error.moderation_details.categories[0] === "violence", "the details of a refusal are there");
  },

  // The wait is an hour, so the client does not come back although it has tries left.
  async spent_rate_is_429() {
    const limited = withKey(LIMITED, client);
    checkImages(await generate({}, limited), 1);
    const error = await fails(RateLimitError, 429, "rate_limit_exceeded", {}, limited);
    check(error.headers.get("x-ratelimit-remaining-requests") === "0", "the headers have the limit status");
  },

  async spent_budget_is_429() {
    const error = await fails(RateLimitError, 429, "insufficient_quota", {}, withKey(SPENT, client));
    check(error.type === "insufficient_quota", "a spent budget has its type");
  },

  async broken_upstream_is_502() {
    await fails(InternalServerError, 502, "upstream_disconnected", { prompt: "fail 502 [[sim:cut_mid_image]]" });
  },

  async overload_is_503() {
    const error = await fails(InternalServerError, 503, "server_is_overloaded", { prompt: "fail 503 [[sim:overloaded]]" });
    check(Number(error.headers.get("retry-after")) >= 1, "an overload says when to come back");
  },

  async retry_waits_as_requested() {
    checkImages(await generate({ prompt: "fail 429 once [[sim:rate_limit@1]]" }, client), 1);
  },

  // The upstream's quota is spent: `x-should-retry: false`.
  async no_retry_as_requested() {
    const error = await fails(RateLimitError, 429, "insufficient_quota", { prompt: "fail 429 for good [[sim:insufficient_quota]]" }, client);
    check(error.headers.get("x-should-retry") === "false", "the answer says so");
  },

  async late_image() {
    checkImages(await generate({ prompt: "late" }, client), 1);
  },

  // Nothing is thrown: the status was 200.
  async late_error_is_returned() {
    const result = await generate({ prompt: "fail late" }, client);
    check(result.data === undefined, "there is no image");
    check(result.error.code === "server_is_overloaded", "the error is in its place");
  },

  // It tries again where no head comes, but not where the body breaks off: that is an exception of
  // `fetch`, none of its own.
  async late_cut_raises() {
    const error = await raised(generate({ prompt: "cut late" }, client));
    check(error instanceof TypeError && !(error instanceof APIError), `${error} is an exception of fetch`);
  },
});
