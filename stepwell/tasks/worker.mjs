// The process that a Node.js handler runs in: `node worker.mjs DESCRIPTOR PARENT NAME`. It speaks the frames of
// stepwell/tasks/frames.py, and gives the handler what AWS Lambda's Node.js runtime gives it.
//
// Rules that must stay true here:
// - The process ends with its socket, and so with the server.
// - One call at a time. A callback's answer goes out when the event loop is empty, unless the handler says otherwise.
// - Errors are framed as Lambda frames them: errorType, errorMessage, trace.
// - What is written goes out before the answer of the call that wrote it.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import util from "node:util";

const LARGEST_RESULT = 6_291_556; // bytes: 6 MiB and 100 bytes
const NEVER = Symbol("no result");

const socket = new Socket({ fd: Number(process.argv[2]), readable: true, writable: true });
process.argv.splice(2);
// What is written is on its way when `write` returns: nothing is lost when the process ends in the next statement.
socket._handle?.setBlocking?.(true);
socket.on("error", () => process.exit(0));
socket.on("close", () => process.exit(0));

let current = null; // the call under way: { call, requestId, answered }

function send(head, body = Buffer.alloc(0)) {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  socket.write(Buffer.concat([lengths, text, body]));
}

// -- The log

function capture(stream, number) {
  stream.write = (chunk, encoding, callback) => {
    const done = typeof encoding === "function" ? encoding : callback;
    const data = Buffer.from(chunk, typeof encoding === "string" ? encoding : "utf8");
    for (let start = 0; start < data.length; start += 65_536) {
      send({ log: current?.requestId ?? null, stream: number }, data.subarray(start, start + 65_536));
    }
    if (done) process.nextTick(done);
    return true;
  };
}

function line(level, ...words) {
  const stamp = new Date().toISOString();
  process.stdout.write(`${stamp}\t${current?.requestId ?? "undefined"}\t${level}\t${util.format(...words)}\n`);
}

capture(process.stdout, 1);
capture(process.stderr, 2);
console.log = (...words) => line("INFO", ...words);
console.info = (...words) => line("INFO", ...words);
console.warn = (...words) => line("WARN", ...words);
console.error = (...words) => line("ERROR", ...words);
console.debug = (...words) => line("DEBUG", ...words);
console.trace = (...words) => line("TRACE", ...words);

// -- Answers

function framed(error) {
  if (util.types.isNativeError(error) || (error && error.name && error.message && error.stack)) {
    const stack = typeof error.stack === "string" ? error.stack : `${error.name}: ${error.message}`;
    return { errorType: error.name, errorMessage: error.message, trace: ownFrames(stack.split("\n")) };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// The frames of the handler's own code; those below are the worker's and Node's.
function ownFrames(trace) {
  const ours = trace.findIndex((frame) => frame.includes(import.meta.url));
  return ours < 0 ? trace : trace.slice(0, ours);
}

function described(error) {
  return { ...framed(error), ...(error && typeof error === "object" ? error : {}), stack: framed(error).trace };
}

function fail(error, { last = false, label = "Invoke Error" } = {}) {
  const { trace, ...rest } = described(error);
  let text;
  try {
    text = JSON.stringify(rest);
  } catch {
    text = JSON.stringify(framed(error)); // it holds what JSON cannot carry
  }
  line("ERROR", `${label} \t${text}`);
  const answer = framed(error);
  finish({ error: String(answer.errorType), last }, JSON.stringify(answer));
}

function succeed(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    return fail(new Error("Unable to stringify response body"));
  }
  if (Buffer.byteLength(text) > LARGEST_RESULT) {
    const error = new Error(`Response payload size exceeded maximum allowed payload size (${LARGEST_RESULT} bytes).`);
    error.name = "Function.ResponseSizeTooLarge";
    return fail(error);
  }
  finish({}, text);
}

function finish(head, text) {
  if (current === null) return;
  const { call } = current;
  send({ done: call, ...head }, Buffer.from(text));
  current = null;
  socket.ref();
}

// -- Calls

const TRACE_VARIABLES = ["TRACEPARENT", "TRACESTATE", "_X_AMZN_TRACE_ID"];

function contextOf(head, timeout) {
  const deadline = Date.now() + timeout * 1000;
  const env = process.env;
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(head.client_context),
    identity: undefined,
    invokedFunctionArn: head.function_arn,
    awsRequestId: head.request_id,
    idempotencyKey: head.idempotency_key ?? undefined, // ours
    traceparent: head.trace?.TRACEPARENT, // ours
    tracestate: head.trace?.TRACESTATE, // ours
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  return context;
}

function parsed(text) {
  try {
    return text == null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invoke(handler, head, event, timeout) {
  const mine = (current = { call: head.call, requestId: head.request_id, result: NEVER });
  const context = contextOf(head, timeout);
  for (const name of TRACE_VARIABLES) {
    if (head.trace?.[name] === undefined) delete process.env[name];
    else process.env[name] = head.trace[name];
  }
  const only = (act) => (...words) => {
    if (current === mine) act(...words);
  };
  const rejected = only((error) => fail(error ?? new Error("undefined")));
  const callback = only((error, result) => {
    if (mine.result !== NEVER) return;
    if (error !== undefined && error !== null) return fail(error);
    mine.result = result;
    if (!context.callbackWaitsForEmptyEventLoop) succeed(result);
  });
  context.done = callback;
  context.succeed = only((result) => succeed(result));
  context.fail = rejected;
  socket.unref(); // so that an empty event loop is told; a call that comes meanwhile is read all the same
  try {
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === "function") returned.then(only(succeed), rejected);
  } catch (error) {
    rejected(error);
  }
}

process.on("beforeExit", () => {
  if (current !== null) succeed(current.result === NEVER ? null : current.result);
});

function endWith(error, label, status) {
  if (current === null) line("ERROR", `${label} \t${JSON.stringify(framed(error))}`);
  else fail(error, { last: true, label });
  process.exit(status);
}

process.on("uncaughtException", (error) => endWith(error, "Uncaught Exception", 129));
process.on("unhandledRejection", (reason) => {
  const error = new Error(String(reason));
  error.name = "Runtime.UnhandledPromiseRejection";
  if (reason instanceof Error) error.stack = `${error.name}: ${reason.stack}`;
  endWith(error, "Unhandled Promise Rejection", 128);
});

// -- The handler

function fault(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

async function load(reference) {
  const folder = path.dirname(reference);
  const [, file, name] = /^([^.]*)\.(.*)$/.exec(path.basename(reference));
  const base = path.resolve(process.cwd(), folder, file);
  const found = ["", ".js", ".mjs", ".cjs"].map((ending) => base + ending).find((full) => existsSync(full));
  let module;
  try {
    if (found === undefined || found === base) {
      module = createRequire(path.join(process.cwd(), "index.js"))(base); // a folder, or a package of a layer
    } else {
      module = await import(pathToFileURL(found).href);
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw renamed("Runtime.UserCodeSyntaxError", error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw renamed("Runtime.ImportModuleError", error);
    }
    throw error;
  }
  const handler = reached(module, name) ?? reached(module.default, name);
  if (handler === undefined) throw fault("Runtime.HandlerNotFound", `${reference} is undefined or not exported`);
  if (typeof handler !== "function") throw fault("Runtime.HandlerNotFound", `${reference} is not a function`);
  return handler;
}

function reached(module, name) {
  return name.split(".").reduce((found, part) => found?.[part], module);
}

function renamed(name, error) {
  const told = fault(name, String(error));
  told.stack = `${name}: ${error.stack}`;
  return told;
}

// -- The server

let handler = null;
let broken = null; // why there is no handler
let timeout = 0;

async function received(head, body) {
  if (head.setup !== undefined) {
    timeout = head.setup.timeout;
    try {
      handler = await load(head.setup.handler);
    } catch (error) {
      broken = error ?? new Error("undefined");
    }
    send({ ready: true, asynchronous: false });
  } else if (broken !== null) {
    current = { call: head.call, requestId: head.request_id, result: NEVER };
    fail(broken, { last: true, label: "Uncaught Exception" });
    process.exit(0);
  } else {
    invoke(handler, head, JSON.parse(body.toString()), timeout);
  }
}

let pending = [];
let size = 0;
socket.on("data", (data) => {
  pending.push(data);
  size += data.length;
  for (;;) {
    if (size < 8) return;
    let whole = pending.length === 1 ? pending[0] : Buffer.concat(pending, size);
    pending = [whole];
    const headEnd = 8 + whole.readUInt32BE(0);
    const end = headEnd + whole.readUInt32BE(4);
    if (size < end) return;
    const head = JSON.parse(whole.subarray(8, headEnd).toString());
    const body = whole.subarray(headEnd, end);
    pending = size === end ? [] : [whole.subarray(end)];
    size -= end;
    received(head, body);
  }
});
