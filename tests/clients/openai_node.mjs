// OpenAI's Node client against imagegate; `tests/e2e/sdks.rs` runs it.
//
// `OPENAI_BASE_URL` and `OPENAI_API_KEY` are the client's own settings. The argument is `all` (a
// scripted upstream, where the prompt `fail 429` leads to that) or `image` (an upstream that
// generates). The last line says how many checks held.

import { createRequire } from "node:module";

// `make setup` installs it there.
const require = createRequire(new URL("../../.tools/node/package.json", import.meta.url));
const { OpenAI, APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError, toFile } =
  require("openai");

let checks = 0;

function check(holds, what) {
  if (!holds) throw new Error(`this does not hold: ${what}`);
  checks += 1;
}

// Checks that the request ends in the client's own exception, and returns it.
async function raises(kind, status, code, request) {
  let error;
  try {
    await request;
  } catch (caught) {
    error = caught;
  }
  if (!(error instanceof kind)) throw new Error(`${kind.name} was expected, but got this: ${error}`);
  check(error.status === status, `${error.status} is ${status}`);
  check(error.code === code, `${error.code} is ${code}`);
  check(error.requestID, "the error has a request id");
  return error;
}

async function generations(client) {
  const result = await client.images.generate({ model: "gpt-image-2", prompt: "A lighthouse", size: "1024x1024", quality: "low" });
  const bytes = Buffer.from(result.data[0].b64_json, "base64");
  check(bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")), "a PNG came");
  check(result.created > 1_600_000_000, "created is a time in seconds");
  check(result._request_id, "the answer has a request id");
  check(result.usage.total_tokens === result.usage.input_tokens + result.usage.output_tokens, "the usage adds up");
}

async function several(client) {
  const result = await client.images.generate({ model: "gpt-image-2", prompt: "Two lighthouses", n: 2, output_format: "png" });
  check(result.data.length === 2, "two images came");
  const { data, response } = await client.images.generate({ prompt: "A raw lighthouse", size: "auto" }).withResponse();
  check(response.headers.get("x-request-id"), "the header has the request id");
  check(data.data[0].b64_json, "a raw answer can be parsed");
}

// Each prompt says what the upstream should have got: `tests/e2e/sdks.rs` checks it and answers 400
// otherwise.
async function edits(client) {
  const generated = await client.images.generate({ model: "gpt-image-2", prompt: "A lighthouse" });
  const png = Buffer.from(generated.data[0].b64_json, "base64");
  const file = (bytes, name) => toFile(bytes, name, { type: "image/png" });
  const one = await file(png, "a.png");
  const edited = await client.images.edit({ model: "gpt-image-2", prompt: "edit images=1 mask=0", image: one, size: "1024x1024" });
  check(edited.data[0].b64_json, "an edit of one file brings an image");
  const image = [one, await file(png, "b.png"), new File([png], "c")];
  const several = await client.images.edit({ prompt: "edit images=3 mask=1", image, mask: one, n: 3 });
  check(several.data.length === 3, "three images come of several files and a mask");
  const large = await file(Buffer.concat([png, Buffer.alloc(10_000_000, 1)]), "large.png");
  check((await client.images.edit({ prompt: "edit images=1 mask=0", image: large })).data[0].b64_json, "10 MB can be edited");
  const many = Array.from({ length: 16 }, () => one);
  check((await client.images.edit({ prompt: "edit images=16 mask=0", image: many })).data[0].b64_json, "16 files can be edited");
  const over = await raises(BadRequestError, 400, "array_above_max_length", client.images.edit({ prompt: "p", image: [...many, one] }));
  check(over.param === "image", "the error names the field");
  const broken = client.images.edit({ prompt: "p", image: await file(Buffer.from("no image"), "x.png") });
  check((await raises(BadRequestError, 400, "invalid_image", broken)).param === "image", "the error names the file");
}

async function streamed(client) {
  const wanted = { model: "gpt-image-2", prompt: "A lighthouse", size: "1024x1024", stream: true };
  const all = async (fields) => Array.fromAsync(await client.images.generate({ ...wanted, ...fields }));
  const events = await all({ partial_images: 1 });
  const names = events.map((event) => event.type).join();
  check(names === "image_generation.partial_image,image_generation.completed", `${names} came, as requested`);
  check(events[0].partial_image_index === 0 && events[0].b64_json, "the preview is the first");
  const bytes = Buffer.from(events[1].b64_json, "base64");
  check(bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")), "a PNG came in an event");
  check(events[1].usage.total_tokens > 0, "the event has its usage");
  check((await all({})).length === 1, "no preview comes if none is requested");
}

async function brokenStreams(client) {
  const ask = (prompt) => client.images.generate({ model: "gpt-image-2", prompt, stream: true, partial_images: 1 });
  await raises(BadRequestError, 400, "moderation_blocked", ask("fail 400"));
  await raises(RateLimitError, 429, "insufficient_quota", ask("fail 429"));
  for (const [prompt, code] of [["fail late", "server_is_overloaded"], ["end early", "upstream_disconnected"]]) {
    const seen = [];
    let error;
    try {
      for await (const event of await ask(prompt)) seen.push(event.type);
    } catch (caught) {
      error = caught;
    }
    check(seen.join() === "image_generation.partial_image", "a preview comes before the failure");
    check(error instanceof APIError && error.code === code, `${error} is ${code}`);
  }
}

async function errors(client) {
  const ask = (fields, by = client) => by.images.generate({ model: "gpt-image-2", prompt: "A lighthouse", ...fields });
  const withKey = (apiKey) => new OpenAI({ apiKey, maxRetries: 0 });
  await raises(AuthenticationError, 401, "invalid_api_key", ask({}, withKey("sk-of-no-consumer")));
  const refused = await raises(BadRequestError, 400, "moderation_blocked", ask({ prompt: "fail 400" }));
  check(refused.type === "image_generation_user_error", "a refusal has its type");
  const many = await raises(BadRequestError, 400, "integer_above_max_value", ask({ n: 11 }));
  check(many.param === "n", "the error names the field");
  await raises(BadRequestError, 400, "unknown_parameter", ask({ colour: "red" }));
  const streams = await raises(BadRequestError, 400, "invalid_value", ask({ stream: true, n: 2 }));
  check(streams.param === "n", "a stream has one image");
  await raises(BadRequestError, 400, "missing_required_parameter", ask({}, withKey(process.env.IMAGEGATE_MASTER_KEY)));
  const narrow = withKey(process.env.IMAGEGATE_NARROW_KEY);
  await raises(PermissionDeniedError, 403, "model_not_allowed", ask({ model: "gpt-image-1.5" }, narrow));
  await raises(NotFoundError, 404, "model_not_found", ask({ model: "dall-e-9" }));
  const spent = await raises(RateLimitError, 429, "insufficient_quota", ask({ prompt: "fail 429" }));
  check(spent.headers.get("x-should-retry") === "false", "a spent quota must not be tried again");
  await raises(InternalServerError, 502, "upstream_disconnected", ask({ prompt: "fail 502" }));
  const busy = await raises(InternalServerError, 503, "server_is_overloaded", ask({ prompt: "fail 503" }));
  check(Number(busy.headers.get("retry-after")) >= 1, "an overload says when to come back");
}

// No retries: each request is one of the checks.
const client = new OpenAI({ maxRetries: 0, timeout: 60_000 });
await generations(client);
await edits(client);
await streamed(client);
if (process.argv[2] === "all") {
  await several(client);
  await brokenStreams(client);
  await errors(client);
}
console.log(JSON.stringify({ client: `openai-node ${require("openai/version").VERSION}`, checks }));
