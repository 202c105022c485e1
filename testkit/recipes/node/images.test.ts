// Sends requests to imagegate in a container.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";

const PORT = 10000;

let container: StartedTestContainer;
let url: string;

before(async () => {
  container = await new GenericContainer("imagegate-testkit")
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp("/testkit/ready", PORT))
    .start();
  url = `http://${container.getHost()}:${container.getMappedPort(PORT)}`;
});

after(() => container.stop());

async function generate(headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${url}/v1/images/generations`, {
    method: "POST",
    headers: { authorization: "Bearer sk-imagegate-test", "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "gpt-image-2", prompt: "a red fox" }),
  });
  await response.text();
  return response.status;
}

test("images", async () => {
  assert.equal(await generate(), 200);
  assert.equal(await generate({ "x-codex-sim-fault": "rate_limit" }), 429);
  const ledger = (await (await fetch(`${url}/testkit/ledger`)).json()) as { records: { status: number }[] };
  assert.deepEqual(ledger.records.map((it) => it.status), [200, 429]);
});
