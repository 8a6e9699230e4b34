// The page that jobs are tried on. It speaks the API that openapi.json describes, and nothing else.
const at = (id) => document.getElementById(id);
const ended = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
let api, following;

function headers(more = {}) {
  const token = at("token").value.trim();
  return token ? { Authorization: `Bearer ${token}`, ...more } : more;
}

async function load() {
  const answer = await fetch("/jobs/openapi.json", { headers: headers() });
  if (!answer.ok) return say(`The description cannot be read: HTTP ${answer.status}.`);
  say("");
  api = await answer.json();
  const types = Object.keys(api.paths).filter((path) => api.paths[path].post).map((path) => path.slice(6));
  at("type").replaceChildren(...types.map((type) => new Option(type)));
  choose();
}

function choose() {
  const start = api.paths[`/jobs/${at("type").value}`].post;
  const schema = start.requestBody.content["application/json"].schema;
  at("summary").textContent = start.summary;
  at("schema").textContent = JSON.stringify(resolved(schema), null, 2);
  at("input").value = JSON.stringify(example(schema), null, 2);
}

function resolved(schema) {
  return schema.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function example(schema, depth = 0) {
  const found = resolved(schema);
  if ("default" in found) return found.default;
  if (found.examples) return found.examples[0];
  if (found.enum) return found.enum[0];
  if (found.anyOf) return example(found.anyOf[0], depth + 1);
  const type = Array.isArray(found.type) ? found.type[0] : found.type;
  if (type === "object" || found.properties) {
    if (depth > 5) return {};
    const members = Object.entries(found.properties ?? {});
    return Object.fromEntries(members.map(([name, member]) => [name, example(member, depth + 1)]));
  }
  if (type === "array") return depth > 5 || !found.items ? [] : [example(found.items, depth + 1)];
  if (type === "string") return "text";
  if (type === "integer" || type === "number") return 1;
  if (type === "boolean") return true;
  return depth ? null : {};
}

function say(text) {
  at("problem").textContent = text;
}

async function start(event) {
  event.preventDefault();
  say("");
  const sent = headers({ "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() });
  const answer = await fetch(`/jobs/${at("type").value}`, { method: "POST", headers: sent, body: at("input").value });
  const body = await answer.json();
  if (answer.status !== 202) {
    const errors = (body.errors ?? []).map((error) => `${error.pointer ?? error.parameter}: takes ${error.expected}`);
    return say([`${body.title}. ${body.detail}`, ...errors].join("\n"));
  }
  follow(body.job_id);
}

function show(job) {
  at("job-id").textContent = job.job_id;
  at("status").textContent = job.status;
  at("job").textContent = JSON.stringify(job, null, 2);
  at("cancel").hidden = ended.has(job.status);
  if (job.progress) advance(job.progress);
}

function advance(progress) {
  at("progress").hidden = false;
  at("progress").value = progress.fraction;
  at("message").textContent = progress.message ?? "";
}

// fetch and not EventSource, which sends no Authorization.
async function follow(id) {
  following?.abort();
  const mine = (following = new AbortController());
  at("progress").hidden = true;
  at("message").textContent = "";
  let last = "";
  while (!mine.signal.aborted) {
    try {
      const sent = headers(last ? { "Last-Event-ID": last } : {});
      const answer = await fetch(`/jobs/${id}/events`, { headers: sent, signal: mine.signal });
      if (answer.status === 204) return;
      if (!answer.ok) return say(`The job cannot be followed: HTTP ${answer.status}.`);
      for await (const event of events(answer.body)) {
        last = event.id ?? last;
        if (event.event === "progress") advance(JSON.parse(event.data));
        if (event.event === "status") {
          const job = JSON.parse(event.data);
          show(job);
          if (ended.has(job.status)) return;
        }
      }
    } catch (error) {
      if (mine.signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split("\n").filter((line) => line && !line.startsWith(":"));
      const event = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      if (event.data) yield event;
    }
  }
}

async function cancel() {
  const answer = await fetch(`/jobs/${at("job-id").textContent}`, { method: "DELETE", headers: headers() });
  if (answer.ok) show(await answer.json());
}

at("type").addEventListener("change", choose);
at("start").addEventListener("submit", start);
at("cancel").addEventListener("click", cancel);
at("token").addEventListener("change", load);
load();
