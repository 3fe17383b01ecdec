// OpenAI's own JavaScript SDK, unmodified: sends a file, prints the answer.
// The one argument is the same JSON object that openai_file.py takes.

import { createReadStream } from "node:fs";

import OpenAI from "openai";

const job = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key, maxRetries: 0 });
const tell = (said) => console.log(JSON.stringify(said));

try {
  if (job.call === "models") {
    for await (const model of client.models.list()) {
      tell({ type: "Model", id: (await client.models.retrieve(model.id)).id });
    }
  } else {
    const file = createReadStream(job.audio);
    const answer = await client.audio[job.call].create({ file, ...job.options });
    if (job.options.stream) {
      for await (const event of answer) tell(event);
    } else {
      tell({ type: "Answer", ...(typeof answer === "string" ? { text: answer } : answer) });
    }
  }
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  tell({ type: "Error", kind: error.constructor.name, status: error.status, body: error.error });
}
