// Reads lines {"resource": name, "expression": text} after one line {name: resource, ...};
// answers one line each: {"values": [...]} or {"error": text}.
import readline from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const fhirpath = require("fhirpath");
const model = require("fhirpath/fhir-context/r4");

let resources = null;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (resources === null) {
    resources = asked;
    continue;
  }
  let answer;
  try {
    const found = fhirpath.evaluate(resources[asked.resource], asked.expression, {}, model);
    answer = { values: found };
  } catch (error) {
    answer = { error: String(error.message || error).slice(0, 200) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
