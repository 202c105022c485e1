// Shared by the clients for Node: how a case's outcome is reported, and images to send and to look
// at. See cases.py.

import { createRequire } from "node:module";
import { crc32, deflateSync } from "node:zlib";

// `make setup` installs the clients there.
export const require = createRequire(new URL("../../../.tools/node/package.json", import.meta.url));

// Keys that `tests/e2e/clients.rs` hands over; the client's own key may do anything.
export const [NARROW, LIMITED, SPENT] = ["NARROW", "LIMITED", "SPENT"].map((name) => process.env[`IMAGEGATE_${name}_KEY`]);
export const UNKNOWN = "sk-of-no-consumer";
// It leads to the upstream of this run.
export const MODEL = process.env.IMAGEGATE_MODEL;

// Runs the requested cases (if none is named, all) in their order, and reports how each ended.
export async function run(cases) {
  const wanted = process.env.IMAGEGATE_CASES;
  for (const [name, act] of Object.entries(cases)) {
    if (wanted && !wanted.split(" ").includes(name)) continue;
    let fault = null;
    try {
      await act();
    } catch (error) {
      fault = `${error.stack}\n${error.cause ?? ""}`;
    }
    console.log(JSON.stringify({ case: name, fault }));
  }
}

export function check(holds, what) {
  if (!holds) throw new Error(`this does not hold: ${what}`);
}

// The exception that a request ends in.
export async function raised(request) {
  let answer;
  try {
    answer = await request;
  } catch (error) {
    return error;
  }
  throw new Error(`an exception was expected, but got this: ${JSON.stringify(answer).slice(0, 200)}`);
}

// This many images, all different.
export function checkPngs(b64s, count) {
  const images = b64s.map((b64) => Buffer.from(b64, "base64"));
  check(images.length === count, `${images.length} images are ${count}`);
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  check(images.every((image) => image.subarray(0, 8).equals(signature)), "the images are PNGs");
  check(new Set(b64s).size === count, "all images are different");
}

// A square of one colour; with `alpha`, one that is so opaque.
export function png(edge, alpha) {
  const pixel = [0x20, 0x60, 0xa0, ...(alpha === undefined ? [] : [alpha])];
  const row = [0, ...Array(edge).fill(pixel).flat()];
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    checksum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, checksum]);
  };
  const head = Buffer.from([0, 0, 0, edge, 0, 0, 0, edge, 8, alpha === undefined ? 2 : 6, 0, 0, 0]);
  const rows = deflateSync(Buffer.from(Array(edge).fill(row).flat()));
  const parts = [chunk("IHDR", head), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts]);
}
