// The cases of Vercel's AI SDK, by `@ai-sdk/openai` or, with the argument `compatible`, by
// `@ai-sdk/openai-compatible`.
//
// It does not look at `x-should-retry`, and if the requested wait is over a minute, it comes back
// after a wait of its own, so the cases about 429s go without retries.

import { LIMITED, MODEL, NARROW, SPENT, UNKNOWN, check, checkPngs, png, raised, require, run } from "./cases.mjs";

const { APICallError, generateImage } = require("ai");
const { createOpenAI } = require("@ai-sdk/openai");
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");

const baseURL = process.env.OPENAI_BASE_URL;
const provider = (apiKey) =>
  process.argv[2] === "compatible" ? createOpenAICompatible({ name: "imagegate", baseURL, apiKey }) : createOpenAI({ baseURL, apiKey });

const generate = ({ key = process.env.OPENAI_API_KEY, model = MODEL, prompt = "A lighthouse [[sim:vary]]", ...fields } = {}) =>
  generateImage({ model: provider(key).imageModel(model), prompt, maxRetries: 0, ...fields });
const checkImages = (result, count) => checkPngs(result.images.map((image) => image.base64), count);

async function fails(status, code, fields) {
  const error = await raised(generate(fields));
  check(APICallError.isInstance(error), `${error} is an APICallError`);
  check(error.statusCode === status, `${error.statusCode} is ${status}`);
  const reported = JSON.parse(error.responseBody).error;
  check(reported.code === code, `${reported.code} is ${code}`);
  check(error.message === reported.message, `the exception has our message: ${error.message}`);
  return error;
}

await run({
  async one_image() {
    const result = await generate({ size: "1024x1024", providerOptions: { openai: { quality: "low" }, imagegate: { quality: "low" } } });
    checkImages(result, 1);
    check(result.images[0].mediaType === "image/png", "the media type is the image's");
  },

  async three_images() {
    checkImages(await generate({ n: 3 }), 3);
  },

  async edit() {
    checkImages(await generate({ prompt: { text: "edit of 1 [[sim:vary]]", images: [png(64)] }, n: 2, size: "1024x1024" }), 2);
  },

  async edit_with_mask() {
    checkImages(await generate({ prompt: { text: "edit of 2 masked [[sim:vary]]", images: [png(64), png(32)], mask: png(64, 0) } }), 1);
  },

  async unknown_key_is_401() {
    const error = await fails(401, "invalid_api_key", { key: UNKNOWN });
    check(!error.isRetryable, "it must not be tried again");
  },

  async forbidden_model_is_403() {
    await fails(403, "model_not_allowed", { key: NARROW, model: "gpt-image-1.5" });
  },

  async unknown_model_is_404() {
    await fails(404, "model_not_found", { model: "dall-e-9" });
  },

  ...(process.argv[2] === "compatible" && {
    // `@ai-sdk/openai` sends only the fields that it knows.
    async unknown_parameter_is_400() {
      await fails(400, "unknown_parameter", { providerOptions: { imagegate: { colour: "red" } } });
    },
  }),

  async refusal_is_400() {
    await fails(400, "moderation_blocked", { prompt: "fail 400 [[sim:moderation]]" });
  },

  async spent_rate_is_429() {
    checkImages(await generate({ key: LIMITED }), 1);
    await fails(429, "rate_limit_exceeded", { key: LIMITED });
  },

  async spent_budget_is_429() {
    await fails(429, "insufficient_quota", { key: SPENT });
  },

  async broken_upstream_is_502() {
    const error = await fails(502, "upstream_disconnected", { prompt: "fail 502 [[sim:cut_mid_image]]" });
    check(error.isRetryable, "it may be tried again");
  },

  async overload_is_503() {
    await fails(503, "server_is_overloaded", { prompt: "fail 503 [[sim:overloaded]]" });
  },

  async retry_waits_as_requested() {
    checkImages(await generate({ prompt: "fail 429 once [[sim:rate_limit@1]]", maxRetries: 2 }), 1);
  },

  async late_image() {
    checkImages(await generate({ prompt: "late" }), 1);
  },

  // It holds every answer against a schema, and throws what does not fit: with the status 200, and
  // not to be tried again.
  async late_error_raises() {
    const error = await raised(generate({ prompt: "fail late", maxRetries: 2 }));
    check(APICallError.isInstance(error) && error.statusCode === 200 && !error.isRetryable, `${error} is an APICallError`);
    check(JSON.parse(error.responseBody).error.code === "server_is_overloaded", "our error is in its body");
  },

  async late_cut_is_tried_again() {
    checkImages(await generate({ prompt: "cut late", maxRetries: 2 }), 1);
  },
});
