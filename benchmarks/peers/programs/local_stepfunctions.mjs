// The workloads as a program of aws-local-stepfunctions: node local_stepfunctions.mjs WORKLOAD COUNT PACKAGE
// It prints one JSON object. As the package is a library, what is timed are calls in this process.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The package asks for it; Node.js has it from version 22 on.
Promise.withResolvers ??= function () {
  const found = {};
  found.promise = new this((resolve, reject) => Object.assign(found, { resolve, reject }));
  return found;
};

const [workload, countText, folder] = process.argv.slice(2);
const count = Number(countText);
const { StateMachine } = await import(
  pathToFileURL(createRequire(`${folder}/package.json`).resolve("aws-local-stepfunctions")).href
);

function chain(length, state) {
  const states = {};
  for (let n = 0; n < length; n++) {
    states[`S${n}`] = { ...state, ...(n < length - 1 ? { Next: `S${n + 1}` } : { End: true }) };
  }
  return { StartAt: "S0", States: states };
}

const pass = { Type: "Pass" };
const task = { Type: "Task", Resource: "arn:aws:lambda:us-east-1:123456789012:function:noop" };
const poll = {
  StartAt: "Check",
  States: {
    Check: { Type: "Pass", Parameters: { "checks.$": "States.MathAdd($.checks, 1)" }, Next: "Enough" },
    Enough: {
      Type: "Choice",
      Choices: [{ Variable: "$.checks", NumericGreaterThanEquals: 5, Next: "Done" }],
      Default: "Rest",
    },
    Rest: { Type: "Wait", Seconds: 1, Next: "Check" },
    Done: { Type: "Succeed" },
  },
};

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function all(machine, times, input, options) {
  const began = performance.now();
  await Promise.all(Array.from({ length: times }, () => machine.run(input, options).result));
  return (performance.now() - began) / 1000;
}

async function several(times, measure) {
  const took = [];
  for (let n = 0; n < times; n++) took.push(await measure());
  return median(took.slice(1));
}

const workloads = {
  chain: () => several(4, () => all(machine, 1, {})),
  short: () => several(4, () => all(machine, count, {})),
  latency: () => several(count + 1, () => all(machine, 1, {})),
  polls: () => all(machine, count, { checks: 0 }),
  tasks: () => all(machine, count, {}, { overrides: { taskResourceLocalHandlers: handlers } }),
};
const machine = new StateMachine(
  workload === "polls"
    ? poll
    : workload === "tasks"
      ? chain(10, task)
      : chain({ chain: count, short: 10, latency: 1 }[workload], pass),
  { validationOptions: { checkArn: false, checkPaths: true } },
);
const handlers = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`S${n}`, (input) => input]));

console.log(JSON.stringify({ seconds: await workloads[workload]() }));
