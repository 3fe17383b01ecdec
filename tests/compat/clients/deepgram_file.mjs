// Deepgram's own JavaScript SDK, unmodified: sends a file, prints the answer.
// The one argument is the same JSON object that deepgram_file.py takes.

import { readFileSync } from "node:fs";

import { DeepgramClient } from "@deepgram/sdk";

const job = JSON.parse(process.argv[2]);
const production = job.url.replace("http", "ws");
const environment = { base: job.url, production, agent: production, agentRest: job.url };
const media = new DeepgramClient({ apiKey: job.key, environment }).listen.v1.media;

try {
  const answer = job.address
    ? await media.transcribeUrl({ url: job.address, ...job.options })
    : await media.transcribeFile(readFileSync(job.audio), job.options);
  console.log(JSON.stringify({ type: "Answer", ...answer }));
} catch (error) {
  console.log(JSON.stringify({ type: "Error", status: error.statusCode, body: error.body }));
}
