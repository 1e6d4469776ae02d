// Taplo's language server, as VS Code's extension has it inside, with the protocol on stdin and stdout.
//   node languageserver.cjs FOLDER-OF-@taplo/lsp

const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { TaploLsp } = require(process.argv[2]);

// It would fetch a catalogue of well-known schemas; no test may depend on a network.
const refuse = () => Promise.reject(new Error("there is no network in tests"));

const environment = {
  now: () => new Date(),
  envVar: (name) => process.env[name],
  envVars: () => Object.entries(process.env),
  stdErrAtty: () => false,
  stdin: process.stdin,
  stdout: process.stderr,
  stderr: process.stderr,
  glob: (pattern) => {
    throw new Error(`nobody should look for ${pattern}`);
  },
  readFile: (file) => fs.promises.readFile(file),
  writeFile: (file, bytes) => fs.promises.writeFile(file, bytes),
  urlToFilePath: (url) => fileURLToPath(url),
  isAbsolute: (file) => path.isAbsolute(file),
  cwd: () => process.cwd(),
  findConfigFile: (from) =>
    [".taplo.toml", "taplo.toml"].map((name) => path.join(from, name)).find((file) => fs.existsSync(file)),
  fetch: { fetch: refuse, Headers, Request, Response },
};

function write(message) {
  const body = Buffer.from(JSON.stringify(message));
  process.stdout.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]));
}

// The message at the beginning of `bytes` and what follows it, or undefined if it is not there as a whole.
function first(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = Number(/content-length: *(\d+)/i.exec(bytes.subarray(0, end).toString())[1]);
  const from = end + 4;
  if (bytes.length < from + length) return undefined;
  return [JSON.parse(bytes.subarray(from, from + length).toString()), bytes.subarray(from + length)];
}

async function main() {
  const server = await TaploLsp.initialize(environment, { onMessage: write });
  let bytes = Buffer.alloc(0);
  process.stdin.on("end", () => process.exit(0));
  process.stdin.on("data", (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let found = first(bytes); found; found = first(bytes)) {
      bytes = found[1];
      server.send(found[0]);
    }
  });
}

main();
