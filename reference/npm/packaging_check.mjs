// Whether the files of packaging/ are in order and agree with the binary: `node packaging_check.mjs EMPTY_FOLDER SMOLLM`, in the repository's root.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";

import { check, environment, equal, report } from "./served.mjs";

const DOCKERFILE = "packaging/Dockerfile";
const IGNORED = ".dockerignore";
const UNIT = "packaging/smollm.service";
const TARGET = "x86_64-unknown-linux-gnu";

/** What may stand in the unit: systemd passes over what it does not know, so a slip would go unseen. */
const KEYS = {
  Unit: "After Description Documentation Wants",
  Service: `CacheDirectory CacheDirectoryMode CapabilityBoundingSet DynamicUser Environment EnvironmentFile ExecStart KillSignal
    LimitNOFILE LockPersonality MemoryDenyWriteExecute NoNewPrivileges PrivateDevices PrivateTmp PrivateUsers ProtectClock
    ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc
    ProtectSystem Restart RestartPreventExitStatus RestartSec RestrictAddressFamilies RestrictNamespaces RestrictRealtime
    RestrictSUIDSGID SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TimeoutStopSec Type UMask`,
  Install: "WantedBy",
};
const REPEATABLE = ["SystemCallFilter"];

/** The value of `--flag` in a list of arguments. */
const after = (words, flag) => words[words.indexOf(flag) + 1];

function run(program, words, more = {}) {
  return spawnSync(program, words, { encoding: "utf8", env: { ...environment(), ...more } });
}

/** The arguments of `smollm serve`: every flag is in its help, and the binary has nothing against the values. */
function serves(smollm, words, where) {
  equal(words[0], "serve", `${where} serves`);
  const help = run(smollm, ["serve", "--help"]).stdout;
  const known = new Set(help.match(/--[a-z-]+/g));
  const flags = words.filter((word) => word.startsWith("-"));
  check(flags.length > 1, `${where} has flags`);
  for (const flag of flags) check(known.has(flag), `${where}: smollm serve has no ${flag}`);
  // 2 is bad usage; 1 is what comes of a model that is not there
  const done = run(smollm, words, { SMOLLM_MODEL: "./no-such-model" });
  check(done.status === 1 && done.stderr.includes("no-such-model"), `${where}: ${done.stderr}`);
  return help;
}

/** The image: what the linter says, then what it does not know. */
function image(smollm) {
  const text = readFileSync(DOCKERFILE, "utf8");
  const found = validate(text).map(({ message, range }) => `${DOCKERFILE}:${range.start.line + 1}: ${message}`);
  equal(found, [], "the linter is content");

  const parsed = DockerfileParser.parse(text);
  const instructions = parsed.getInstructions().map((instruction) => ({
    name: instruction.getKeyword(),
    words: instruction.getArguments().map((argument) => argument.getValue()),
    text: instruction.getArgumentsContent() ?? "",
  }));
  const last = instructions.findLastIndex(({ name }) => name === "FROM");
  const [built, shipped] = [instructions.slice(0, last), instructions.slice(last)];
  const one = (name) => {
    const those = shipped.filter((instruction) => instruction.name === name);
    equal(those.length, 1, `one ${name} in what ships`);
    return those[0];
  };
  equal(one("FROM").words, ["scratch"], "the image is empty but for the binary");
  check(!shipped.some(({ name }) => name === "RUN"), "nothing can run in an empty image");
  const manifest = readFileSync("Cargo.toml", "utf8");
  const rust = /^rust-version = "(.*)"$/m.exec(manifest)[1];
  check(built[0].text.startsWith(`rust:${rust}-`), `it is built by the oldest Rust that is supported, ${rust}`);
  const build = built.find(({ name }) => name === "RUN").text;
  check(build.includes("--locked") && build.split(TARGET).length === 3, "it ships what was built, of locked versions");
  check(built.some(({ name, text }) => name === "ENV" && text.includes("target-feature=+crt-static")), "statically");
  check(/^[1-9]\d*:[1-9]\d*$/.test(one("USER").text), "its user is a number and not root");
  const entry = JSON.parse(one("ENTRYPOINT").text);
  const copies = shipped.filter(({ name }) => name === "COPY").map(({ words }) => words.at(-1));
  check(entry.length === 1 && copies.includes(entry[0]), "the program is there");
  const [volume] = JSON.parse(one("VOLUME").text);
  check(copies.includes(volume), "the volume has an owner");
  check(one("ENV").text.includes(`HF_HOME=${volume}`), "models go to the volume");
  const words = JSON.parse(one("CMD").text);
  serves(smollm, words, DOCKERFILE);
  check(words.includes("--key-file") && !words.includes("--insecure"), "others need keys");
  equal(one("STOPSIGNAL").text, "SIGTERM", "the signal that serve ends well at");
  equal(one("EXPOSE").text, after(words, "--port"), "the port");
}

/** What the image is built without is not what the sources read. */
function context() {
  const ignored = readFileSync(IGNORED, "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  check(ignored.includes("target") && ignored.every((line) => /^[.\w/-]+$/.test(line)), `${IGNORED} names folders and files`);
  const needed = new Set(["Cargo.toml", "Cargo.lock", "crates", "xtask"]);
  for (const path of readdirSync("crates", { recursive: true })) {
    if (!/^[^/]+\/src\/.*\.rs$/.test(path) || path.endsWith("tests.rs")) continue;
    const source = join("crates", path);
    for (const [, named] of readFileSync(source, "utf8").matchAll(/include_(?:str|bytes)!\("([^"]+)"\)/g)) {
      needed.add(normalize(join(dirname(source), named)));
    }
  }
  check([...needed].some((path) => path.startsWith("recipes/")), "sources include files of other folders");
  for (const path of needed) {
    const left = ignored.some((name) => `${path}/`.startsWith(`${name}/`));
    check(!left, `${IGNORED} leaves out ${path}, which the build reads`);
  }
}

/** `[Section]`s of `Key=value` lines, in order. */
function entries(text) {
  const found = [];
  let section;
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const title = /^\[(\w+)\]$/.exec(line);
    if (title) {
      section = title[1];
      continue;
    }
    const entry = /^(\w+)=(.*)$/.exec(line);
    check(entry && section, `${UNIT}:${index + 1} is no entry: ${line}`);
    found.push({ section, key: entry[1], value: entry[2] });
  }
  return found;
}

/** The unit: what we know of it, and what systemd says where it is installed. */
function unit(folder, smollm) {
  const text = readFileSync(UNIT, "utf8");
  const all = entries(text);
  for (const { section, key } of all) check((KEYS[section] ?? "").split(/\s+/).includes(key), `${section} has no ${key}`);
  const names = all.map(({ key }) => key).filter((key) => !REPEATABLE.includes(key));
  equal(names.filter((key, index) => names.indexOf(key) !== index), [], "nothing is said twice");
  const value = (key) => all.find((entry) => entry.key === key)?.value;

  const [program, ...words] = value("ExecStart").split(" ");
  check(program.startsWith("/") && program.endsWith("/smollm"), "a whole path");
  serves(smollm, words, UNIT);
  check(!words.includes("--insecure"), "nobody is let in without keys");
  equal(after(words, "--host"), "127.0.0.1", "this machine alone");
  const drain = Number(after(words, "--drain-limit"));
  check(Number(value("TimeoutStopSec")) > drain, "requests under way have their time");
  for (const [key, wanted] of Object.entries({ DynamicUser: "yes", ProtectSystem: "strict", NoNewPrivileges: "yes" })) {
    equal(value(key), wanted, key);
  }
  check(value("Environment").includes(`HF_HOME=%C/${value("CacheDirectory")}`), "models go to the one folder it may write");

  const copy = join(folder, "smollm.service");
  writeFileSync(copy, text.replace(program, smollm));
  const verified = run("systemd-analyze", ["verify", "--man=no", copy]);
  if (verified.error) {
    console.log("   systemd-analyze is not installed: the unit was held against our own table of keys only");
    return;
  }
  equal([verified.status, verified.stdout + verified.stderr], [0, ""], "systemd-analyze verify");
}

const [folder, smollm] = process.argv.slice(2);
image(smollm);
context();
unit(folder, smollm);
report("packaging_check", "dockerfile-utils");
