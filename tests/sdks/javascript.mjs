// Calls by the AWS SDK for JavaScript v3: JSON lines in, JSON lines out.
// node javascript.mjs FOLDER URL, where FOLDER/node_modules has the SDK; see tests/sdks/client.py for the lines.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, endpoint] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const services = Object.fromEntries(
  [
    ["cloudwatch", "CloudWatchClient"],
    ["personalize", "PersonalizeClient"],
    ["personalize-events", "PersonalizeEventsClient"],
    ["personalize-runtime", "PersonalizeRuntimeClient"],
  ].map(([service, name]) => {
    const sdk = load(`@aws-sdk/client-${service}`);
    return [service, [sdk, new sdk[name]({ endpoint, maxAttempts: 1 })]];
  }),
);

// This SDK takes times as Date only.
const MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)$/;
const revive = (_name, value) => (typeof value === "string" && MOMENT.test(value) ? new Date(value) : value);

for await (const line of createInterface({ input: process.stdin })) {
  const { service, operation, members } = JSON.parse(line, revive);
  const [sdk, client] = services[service];
  let told;
  try {
    told = { answer: await client.send(new sdk[`${operation}Command`](members)) };
  } catch (fault) {
    if (!fault.$fault) throw fault;
    told = { code: fault.name, message: fault.message };
  }
  console.log(JSON.stringify(told));
}
