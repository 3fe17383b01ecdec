// OpenAI's own JavaScript SDK, unmodified: a Realtime transcription session; prints every event.
// The one argument is the same JSON object that openai_realtime.py takes; `url` must be https:,
// as the SDK insists on wss:.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const job = JSON.parse(process.argv[2]);
const tell = (said) => console.log(JSON.stringify(said));
const client = new OpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key });
const connection = new OpenAIRealtimeWS({ model: "gpt-4o-transcribe" }, client);
const audio = readFileSync(job.audio);
const numChunks = Math.ceil(audio.length / job.chunk_bytes);

async function send() {
  for (let number = 0; number < numChunks; number += 1) {
    if (job.commit_at.includes(number)) connection.send({ type: "input_audio_buffer.commit" });
    const at = number * job.chunk_bytes;
    const data = audio.subarray(at, at + job.chunk_bytes).toString("base64");
    connection.send({ type: "input_audio_buffer.append", audio: data });
    await sleep(job.pause_s * 1000);
  }
  if (job.commit_at.includes(numChunks)) connection.send({ type: "input_audio_buffer.commit" });
}

let numCompleted = 0;
connection.on("event", async (event) => {
  tell(event);
  if (event.type === "session.created") {
    connection.send({ type: "session.update", session: job.session });
  }
  if (event.type === "session.updated") await send();
  if (event.type.endsWith("transcription.completed")) numCompleted += 1;
  if (numCompleted === job.num_completed) connection.close({ code: 1000, reason: "done" });
});
connection.on("error", (error) => tell({ type: "ClientError", error: String(error) }));
connection.socket.on("close", (code) => tell({ type: "Closed", code }));
