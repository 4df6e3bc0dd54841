// `smollm serve` as a child of a script that tours it with somebody else's client, and the checks that the script counts.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const MODEL = "SmolLM2-135M-Instruct";
/** The token that opens a call. */
export const OPENS = "<tool_call>";
const OPENER = 280;
const BRACE = 93;
/** What makes random weights call: the token that opens a list of calls, and `{`, which begins the first. */
export const CALLS = { [OPENER]: 100, [BRACE]: 50 };
let passed = 0;

export function check(condition, what) {
  if (!condition) throw new Error(what);
  passed += 1;
}

export function equal(got, expected, what) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(expected)];
  check(left === right, `${what}: ${left} and ${right}`);
}

/** The line by which xtask counts. */
export function report(name, means) {
  console.log(`${name}: ${passed} checks passed with ${means}`);
}

/** What the promise of `call` is rejected with, which must be a `kind`. */
export async function rejects(kind, call, what) {
  try {
    await call();
  } catch (error) {
    check(error instanceof kind, `${what}: ${error}`);
    return error;
  }
  throw new Error(`${what}: nothing was thrown`);
}

/** The environment without what configures smollm. */
export function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SMOLLM|HF)_/.test(name)));
}

/** Puts the token that opens a call in the place of the one that has its id. */
function opensCalls(folder) {
  const path = join(folder, "tokenizer.json");
  const tokenizer = JSON.parse(readFileSync(path, "utf8"));
  const { vocab, merges } = tokenizer.model;
  const [spare] = Object.entries(vocab).find(([, id]) => id === OPENER);
  tokenizer.model.vocab = Object.fromEntries(
    Object.entries(vocab).map(([token, id]) => [id === OPENER ? OPENS : token, id]),
  );
  tokenizer.model.merges = merges.filter((merge) => [merge].flat().join("").replaceAll(" ", "") !== spare);
  writeFileSync(path, JSON.stringify(tokenizer));
}

/** Starts the server, calls `part` with its address, and stops it whatever happens. */
async function serving(smollm, options, part) {
  const child = spawn(smollm, ["serve", "--port", "0", ...options], {
    stdio: ["ignore", "ignore", "pipe"],
    env: environment(),
  });
  const ended = once(child, "exit");
  let said = "";
  const address = await new Promise((resolve, reject) => {
    child.stderr.on("data", (bytes) => {
      said += bytes;
      const found = / at (http:\/\/\S+)\n/.exec(said);
      if (found) resolve(found[1]);
    });
    child.on("exit", () => reject(new Error(`the server ended: ${said}`)));
  });
  try {
    while ((await fetch(`${address}/health`)).status === 503) await sleep(10); // the model is loaded
    await part(address);
  } finally {
    child.kill("SIGTERM");
    const [code] = await ended;
    check(code === 0, `the server ends well, not with ${code}`);
  }
}

/**
 * Runs the parts of a tour, each with the server's address: `node NAME_check.mjs WORK_FOLDER SMOLLM STAND_IN_MODELS`, where WORK_FOLDER is an
 * empty folder for models, SMOLLM the binary, and STAND_IN_MODELS the example of smollm-testkit that writes small models with random
 * weights.
 */
export async function tour(name, client, parts) {
  const [work, smollm, standIns] = process.argv.slice(2);
  const made = spawnSync(standIns, [work], { stdio: "inherit" });
  check(made.status === 0, "the stand-in models are made");
  const model = join(work, "HuggingFaceTB", MODEL);
  opensCalls(model);
  await serving(smollm, ["-m", model], async (address) => {
    for (const part of parts) await part(address);
  });
  report(name, client);
}
