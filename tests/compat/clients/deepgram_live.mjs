// Deepgram's own JavaScript SDK, unmodified: streams a file of raw audio, prints what it is told.
// The one argument is the same JSON object that deepgram_live.py takes.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { DeepgramClient } from "@deepgram/sdk";

const job = JSON.parse(process.argv[2]);
const production = job.url.replace("http", "ws");
const environment = { base: job.url, production, agent: production, agentRest: job.url };
const tell = (said) => console.log(JSON.stringify(said));

const client = new DeepgramClient({ apiKey: job.key, environment });
const socket = await client.listen[job.version].connect(job.options);
const closed = new Promise((resolve) => socket.on("close", resolve));
socket.on("message", tell);
socket.on("error", (error) => tell({ type: "ClientError", error: String(error) }));
socket.connect();
await socket.waitForOpen();

const controls = {
  KeepAlive: () => socket.sendKeepAlive({ type: "KeepAlive" }),
  ForceEndTurn: () => socket.sendForceEndTurn({ type: "ForceEndTurn" }),
  Finalize: () => socket.sendFinalize({ type: "Finalize" }),
};
const audio = readFileSync(job.audio);
for (let at = 0, number = 0; at < audio.length; at += job.chunk_bytes, number += 1) {
  if (String(number) in job.say) controls[job.say[number]]();
  socket.sendMedia(audio.subarray(at, at + job.chunk_bytes));
  await sleep(job.pause_s * 1000);
}
socket.sendCloseStream({ type: "CloseStream" });
const event = await closed;
tell({ type: "Closed", code: event.code });
process.exit(0);
