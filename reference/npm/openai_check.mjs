// A tour of `smollm serve` with npm's openai client (arguments: see `tour` in served.mjs).

import OpenAI from "openai";
import { VERSION } from "openai/version";

import { MODEL, check, equal, rejects, tour } from "./served.mjs";

const MESSAGES = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Say something." },
];

const connect = (address) => new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
const contents = (answer) => answer.choices.map((choice) => choice.message.content);

/** Whole answers: fields, choices, seeds, stop strings, log-probabilities. */
async function chat(address) {
  const client = connect(address);
  const ask = (more) =>
    client.chat.completions.create({ model: MODEL, messages: MESSAGES, max_completion_tokens: 12, ...more });
  const answer = await ask({ temperature: 0 });
  const [whole] = contents(answer);
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  equal(total_tokens, prompt_tokens + completion_tokens, "usage adds up");
  check(["stop", "length"].includes(answer.choices[0].finish_reason), "a reason");
  equal(contents(await ask({ temperature: 0 })), [whole], "greedy answers repeat");
  const several = await ask({ temperature: 1.5, seed: 7, n: 3 });
  equal(several.choices.map((choice) => choice.index), [0, 1, 2], "three choices");
  equal(contents(await ask({ temperature: 1.5, seed: 7, n: 3 })), contents(several), "seeds repeat");
  check(contents(await ask({ temperature: 1.5, seed: 8 }))[0] !== contents(several)[0], "another seed, another answer");
  const logged = await ask({ temperature: 0, logprobs: true, top_logprobs: 4 });
  const tokens = logged.choices[0].logprobs.content;
  equal(tokens.length, completion_tokens, "a log-probability for each token");
  check(tokens.every((token) => token.top_logprobs.length === 4), "and four alternatives");
  equal(Buffer.from(tokens.flatMap((token) => token.bytes)).toString(), whole, "their bytes are the text");
  const stop = whole.slice(2, 4);
  const cut = await ask({ temperature: 0, stop });
  equal(contents(cut), [whole.slice(0, whole.indexOf(stop))], "the answer ends before the stop string");
  equal(cut.choices[0].finish_reason, "stop", "and says why");
}

/** Pieces, the client's own accumulator, and leaving in the middle. */
async function stream(address) {
  const client = connect(address);
  const options = { model: MODEL, messages: MESSAGES, temperature: 0, max_tokens: 20 };
  const whole = await client.chat.completions.create(options);
  const pieces = [];
  const asked = { ...options, stream: true, stream_options: { include_usage: true } };
  for await (const piece of await client.chat.completions.create(asked)) pieces.push(piece);
  const text = pieces.map((piece) => piece.choices[0]?.delta.content ?? "").join("");
  equal([text], contents(whole), "the pieces are the answer");
  equal(pieces.at(-1).usage.completion_tokens, whole.usage.completion_tokens, "the last says how many tokens");
  equal(new Set(pieces.map((piece) => piece.id)).size, 1, "all have one id");
  const final = await client.chat.completions.stream(options).finalChatCompletion();
  equal(contents(final), [text], "the client's own accumulator agrees");
  equal(final.choices[0].finish_reason, whole.choices[0].finish_reason, "and knows the reason");

  const endless = { ...options, max_tokens: 1500, ignore_eos: true, stream: true };
  for (const leave of ["break", "abort"]) {
    const running = await client.chat.completions.create(endless);
    let heard = 0;
    for await (const piece of running) {
      heard += piece.choices.length;
      if (leave === "break") break;
      running.controller.abort();
    }
    check(heard > 0 && heard < 1500, `${leave} ends the stream after ${heard} pieces`);
  }
  const unheard = new AbortController();
  const waiting = client.chat.completions.create({ ...endless, stream: false }, { signal: unheard.signal });
  setTimeout(() => unheard.abort(), 100);
  await rejects(OpenAI.APIUserAbortError, () => waiting, "leaving before the answer");
  const others = await Promise.all(Array.from({ length: 8 }, () => client.chat.completions.create(options)));
  equal(others.flatMap(contents), Array(8).fill(text), "others are answered after clients left");
}

/** Texts and ids. */
async function completions(address) {
  const client = connect(address);
  const ask = (more) => client.completions.create({ model: MODEL, temperature: 0, max_tokens: 4, ...more });
  const echoed = await ask({ prompt: "abc", echo: true, logprobs: 2 });
  check(echoed.choices[0].text.startsWith("abc"), "the prompt is echoed");
  equal(echoed.choices[0].logprobs.token_logprobs[0], null, "with log-probabilities from the second token on");
  const texts = (answer) => answer.choices.map((choice) => choice.text);
  const alone = texts(await ask({ prompt: "abc" }));
  equal(texts(await ask({ prompt: ["abc", "abc"] })), [...alone, ...alone], "several prompts");
  equal(texts(await ask({ prompt: [67, 68, 69] })), alone, "ids");
  let streamed = "";
  for await (const piece of await ask({ prompt: "abc", stream: true })) streamed += piece.choices[0].text;
  equal([streamed], alone, "a stream");
}

/** Vectors, which the client fetches as base64 by itself, and the list of models. */
async function others(address) {
  const client = connect(address);
  const ask = async (more) => (await client.embeddings.create({ model: MODEL, input: ["abc", "xyz"], ...more })).data;
  const [coded, plain] = [await ask({}), await ask({ encoding_format: "float" })];
  const apart = coded.flatMap(({ embedding }, i) => embedding.map((x, j) => Math.abs(x - plain[i].embedding[j])));
  check(apart.length > 0 && Math.max(...apart) < 1e-6, "both encodings are the same numbers");
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  equal(models, [MODEL], "the list of models");
}

/** Errors are the client's own. */
async function errors(address) {
  const client = connect(address);
  const ask = (more) => () => client.chat.completions.create({ model: MODEL, messages: MESSAGES, ...more });
  const range = await rejects(OpenAI.BadRequestError, ask({ temperature: -1 }), "a parameter out of range");
  equal(range.param, "temperature", "is named");
  const long = [{ role: "user", content: "1 ".repeat(5000) }];
  const tooLong = await rejects(OpenAI.BadRequestError, ask({ messages: long }), "a prompt that is too long");
  equal(tooLong.code, "context_length_exceeded", "is refused as such");
  await rejects(OpenAI.NotFoundError, () => client.models.retrieve("none"), "a model that is not there");
  await rejects(OpenAI.NotFoundError, () => client.responses.create({ model: MODEL, input: "a" }), "an endpoint that is not there");
}

await tour("openai_check", `openai ${VERSION}`, [chat, stream, completions, others, errors]);
