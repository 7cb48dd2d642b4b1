// The client fhir-kit-client, unmodified: `node tests/clients/fhir_kit_client.mjs BASE_URL VISIT_BUNDLE`.
// Run it in a folder where `npm install fhir-kit-client` was done.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = join(process.cwd(), "node_modules", "fhir-kit-client");
const { exports: doors } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const door = doors["."]?.import?.default ?? doors["."]?.import ?? doors["."]?.default ?? doors["."];
const kit = await import(pathToFileURL(join(folder, door)));
const Client = kit.Client ?? kit.default;
const [baseUrl, bundleFile] = process.argv.slice(2);
const client = new Client({ baseUrl });

const clinic = `Клієнтський${Date.now()}`;

const statement = await client.capabilityStatement();
assert.equal(statement.fhirVersion, "4.0.1");

const created = await client.create({
  resourceType: "Organization",
  body: { resourceType: "Organization", name: `${clinic} 0` },
});
assert.equal(created.meta.versionId, "1");
const read = await client.read({ resourceType: "Organization", id: created.id });
assert.deepEqual(read, created);
const updated = await client.update({
  resourceType: "Organization",
  id: created.id,
  body: { ...read, active: true },
});
assert.equal(updated.meta.versionId, "2");
const patched = await client.patch({
  resourceType: "Organization",
  id: created.id,
  jsonPatch: [{ op: "replace", path: "/active", value: false }],
});
assert.equal(patched.active, false);

for (let number = 1; number < 5; number += 1) {
  await client.create({
    resourceType: "Organization",
    body: { resourceType: "Organization", name: `${clinic} ${number}` },
  });
}
let page = await client.search({
  resourceType: "Organization",
  searchParams: { name: clinic.toLowerCase(), _count: 2 },
});
let found = 0;
while (page) {
  found += page.entry?.length ?? 0;
  page = await client.nextPage({ bundle: page });
}
assert.equal(found, 5);

const history = await client.history({ resourceType: "Organization", id: created.id });
assert.equal(history.total, 3);

const answer = await client.transaction({ body: JSON.parse(readFileSync(bundleFile, "utf8")) });
assert.equal(answer.type, "transaction-response");

const outcome = await client.operation({
  name: "validate",
  resourceType: "Patient",
  input: { resourceType: "Patient", gender: "mal" },
});
assert.equal(outcome.resourceType, "OperationOutcome");
assert.ok(outcome.issue.some((issue) => issue.severity === "error"));

await client.delete({ resourceType: "Organization", id: created.id });
await assert.rejects(client.read({ resourceType: "Organization", id: created.id }));
console.log("fhir-kit-client: all steps passed");
