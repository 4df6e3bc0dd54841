// A tour of `smollm serve` with the AI SDK of npm: ai with @ai-sdk/openai-compatible (arguments: see `tour` in served.mjs).

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  Output,
  embedMany,
  generateObject,
  generateText,
  jsonSchema,
  stepCountIs,
  streamObject,
  streamText,
  tool,
} from "ai";
import Ajv from "ajv/dist/2020.js";
import { createRequire } from "node:module";

import { CALLS, MODEL, OPENS, check, equal, rejects, tour } from "./served.mjs";

const PROMPT = { system: "Be brief.", prompt: "Say something." };

const connect = (address) =>
  createOpenAICompatible({
    name: "smollm",
    baseURL: `${address}/v1`,
    apiKey: "none",
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const options = (address) => ({ model: connect(address)(MODEL), maxRetries: 0, maxOutputTokens: 16, temperature: 0 });

/** Whole answers: usage, seeds, stop strings, earlier answers. */
async function generate(address) {
  const ask = (more) => generateText({ ...options(address), ...PROMPT, ...more });
  const answer = await ask({});
  const { inputTokens, outputTokens, totalTokens } = answer.usage;
  equal(totalTokens, inputTokens + outputTokens, "usage adds up");
  check(["stop", "length"].includes(answer.finishReason), "a reason");
  equal((await ask({})).text, answer.text, "greedy answers repeat");
  const drawn = async (seed) => (await ask({ temperature: 1.5, seed })).text;
  equal(await drawn(7), await drawn(7), "seeds repeat");
  check((await drawn(8)) !== (await drawn(7)), "another seed, another answer");
  const stop = answer.text.slice(2, 4);
  const cut = await ask({ stopSequences: [stop] });
  equal(cut.text, answer.text.slice(0, answer.text.indexOf(stop)), "the answer ends before the stop string");
  equal(cut.finishReason, "stop", "and says why");
  const messages = [
    { role: "user", content: PROMPT.prompt },
    { role: "assistant", content: "A tree." },
    { role: "user", content: [{ type: "text", text: "More." }] },
  ];
  const further = await generateText({ ...options(address), system: PROMPT.system, messages });
  check(further.usage.inputTokens > inputTokens, "a longer conversation");
}

/** What the SDK has no words for, by the options that it hands on: log-probabilities, several choices. */
async function handedOn(address) {
  const more = { n: 2, logprobs: true, top_logprobs: 3 };
  const answer = await generateText({ ...options(address), ...PROMPT, providerOptions: { smollm: more } });
  const { choices, usage } = answer.response.body;
  equal(choices.map((choice) => choice.message.content), [answer.text, answer.text], "two greedy choices");
  const tokens = choices.flatMap((choice) => choice.logprobs.content);
  equal(tokens.length, usage.completion_tokens, "a log-probability for each token");
  check(tokens.every((token) => token.top_logprobs.length === 3), "and three alternatives");
}

/** Pieces, and leaving in the middle. */
async function stream(address) {
  const whole = await generateText({ ...options(address), ...PROMPT });
  const told = streamText({ ...options(address), ...PROMPT });
  let text = "";
  for await (const piece of told.textStream) text += piece;
  equal(text, whole.text, "the pieces are the answer");
  equal((await told.usage).outputTokens, whole.usage.outputTokens, "with their usage");
  equal(await told.finishReason, whole.finishReason, "and the reason");
  for (let times = 0; times < 3; times += 1) {
    const leaving = new AbortController();
    const endless = { maxOutputTokens: 1500, providerOptions: { smollm: { ignore_eos: true } } };
    const told = streamText({ ...options(address), ...PROMPT, ...endless, abortSignal: leaving.signal });
    let end = "";
    for await (const part of told.fullStream) {
      if (part.type === "text-delta") leaving.abort();
      end = part.type;
    }
    equal(end, "abort", "the stream ends when the client leaves");
  }
  const others = await Promise.all(
    Array.from({ length: 8 }, () => generateText({ ...options(address), ...PROMPT })),
  );
  equal(others.map((answer) => answer.text), Array(8).fill(text), "others are answered after clients left");
}

/** Texts continued, and vectors. */
async function others(address) {
  const smollm = connect(address);
  const ask = { ...options(address), model: smollm.completionModel(MODEL), prompt: "abc" };
  const whole = await generateText(ask);
  let text = "";
  for await (const piece of streamText(ask).textStream) text += piece;
  check(whole.text.length > 0, "a continuation");
  equal(text, whole.text, "the pieces are the continuation");
  const { embeddings, usage } = await embedMany({ model: smollm.embeddingModel(MODEL), values: ["abc", "xyz"] });
  check(usage.tokens > 0 && embeddings.length === 2, "two vectors");
  const length = embeddings[0].reduce((sum, x) => sum + x * x, 0);
  check(Math.abs(length - 1) < 1e-5, "of length 1");
}

const SEEDS = [1, 2, 3, 4, 5];
const ADD = {
  type: "object",
  properties: { a: { type: "integer", enum: [1, 2, 3] }, b: { type: "boolean" } },
  required: ["a", "b"],
  additionalProperties: false,
};
const CITY = {
  type: "object",
  properties: {
    coast: { type: "boolean" },
    size: { enum: ["small", "large"] },
    rank: { type: "integer", minimum: 1, maximum: 99 },
  },
  required: ["coast", "size", "rank"],
  additionalProperties: false,
};

/** Holds a value to a schema by ajv: the SDK looks at no schema that `jsonSchema` wraps. */
function fits(value, schema, what) {
  const ajv = new Ajv();
  check(ajv.validate(schema, value), `${what}: ${JSON.stringify(value)}: ${ajv.errorsText()}`);
}

/** Calls: by name, streamed, carried out by the SDK, free, and forbidden. */
async function tools(address) {
  const carried = [];
  const add = tool({
    description: "Adds two things.",
    inputSchema: jsonSchema(ADD),
    execute: async (input) => {
      carried.push(input);
      return `${input.a} and ${input.b}`;
    },
  });
  const named = { type: "tool", toolName: "add" };
  const ask = { ...options(address), ...PROMPT, tools: { add }, temperature: 1, maxOutputTokens: 200 };
  for (const seed of SEEDS) {
    carried.length = 0;
    const answer = await generateText({ ...ask, seed, toolChoice: named });
    const [call] = answer.toolCalls;
    equal([answer.finishReason, answer.text, answer.toolCalls.length], ["tool-calls", "", 1], "the answer is a call");
    equal(call.toolName, "add", "of the tool that was named");
    fits(call.input, ADD, "that fits");
    equal(answer.toolResults.map((result) => result.output), [`${call.input.a} and ${call.input.b}`], "it is carried out");
    equal(carried, [call.input], "once");
    let input = "";
    for await (const part of streamText({ ...ask, seed, toolChoice: named }).fullStream)
      if (part.type === "tool-input-delta") input += part.delta;
    equal(JSON.parse(input), call.input, "the pieces are the call");
  }
  const { steps } = await generateText({ ...ask, seed: 5, toolChoice: "required", stopWhen: stepCountIs(2) });
  equal(steps.length, 2, "results are told");
  const more = steps[1].usage.inputTokens - steps[0].usage.inputTokens;
  check(more > "<tool_response></tool_response>".length, "and read: the vocabulary spells them letter by letter");
  const opening = { ...ask, seed: 5, providerOptions: { smollm: { logit_bias: CALLS } } };
  const free = await generateText(opening);
  check(free.toolCalls.length > 0, "auto, by a model that calls");
  for (const call of free.toolCalls) fits(call.input, ADD, "auto");
  const { tools: _, ...without } = opening;
  equal((await generateText({ ...without, maxOutputTokens: 3 })).text, OPENS.repeat(3), "without tools there is no call");
  const forbidden = await generateText({ ...opening, toolChoice: "none", maxOutputTokens: 16 });
  check(forbidden.toolCalls.length === 0 && forbidden.finishReason !== "tool-calls", "none is none, even then");
}

/** Objects of a schema, whole and in pieces; lists, choices, and any JSON. */
async function objects(address) {
  const ask = { ...options(address), ...PROMPT, temperature: 1, maxOutputTokens: 300 };
  const schema = jsonSchema(CITY);
  const drawn = new Set();
  for (const seed of SEEDS) {
    const { object, finishReason } = await generateObject({ ...ask, seed, schema });
    equal(finishReason, "stop", "an object");
    fits(object, CITY, "of the schema");
    drawn.add(JSON.stringify(object));
    const told = streamObject({ ...ask, seed, schema });
    let text = "";
    for await (const piece of told.textStream) text += piece;
    equal(JSON.parse(text), object, "the pieces are the object");
    equal(await told.object, object, "as the SDK reads it");
    const { output } = await generateText({ ...ask, seed, output: Output.object({ schema }) });
    equal(output, object, "the output of a text");
    const list = await generateObject({ ...ask, seed, output: "array", schema });
    fits(list.object, { type: "array", items: CITY }, "a list");
    const choice = await generateObject({ ...ask, seed, output: "enum", enum: ["yes", "no"] });
    fits(choice.object, { enum: ["yes", "no"] }, "a choice");
    const any = await generateObject({ ...ask, seed, output: "no-schema", maxOutputTokens: 60 });
    fits(any.object, { type: "object" }, "an object without a schema");
  }
  check(drawn.size > 1, "not always the same");
}

/** Errors are the SDK's own. */
async function errors(address) {
  const ask = (more) => () => generateText({ ...options(address), ...PROMPT, ...more });
  const range = await rejects(APICallError, ask({ temperature: -1 }), "a parameter out of range");
  check(range.statusCode === 400 && !range.isRetryable && range.message.includes("temperature"), range.message);
  const long = await rejects(APICallError, ask({ prompt: "1 ".repeat(5000) }), "a prompt that is too long");
  check(long.responseBody.includes("context_length_exceeded"), long.responseBody);
}

const { version } = createRequire(import.meta.url)("ai/package.json");
await tour("ai_check", `ai ${version}`, [generate, handedOn, stream, others, tools, objects, errors]);
