// A remote agent, written from the wire contract of the Agent Bridge alone and with nothing but Node's own modules.
//
// It serves GET /agent/capabilities and POST /agent/task, and makes one call to the orchestrator for each line that it reads
// from standard input, so that a test decides what happens between two calls:
//   register | heartbeat | accepted TASK | in_progress TASK | succeeded TASK | failed TASK | event ID
// Each call prints one line {"call", "status", "body"}, each task that arrives one line {"task": …}.
import { createHmac, timingSafeEqual, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const id = process.env.AGENT_ID;
const secret = process.env.SHARED_SECRET;
const center = process.env.COMMAND_CENTER_URL;
const capabilities = (process.env.CAPABILITIES ?? 'document.read').split(',');
const perMinute = Number(process.env.TASKS_PER_MINUTE ?? 0);
const taken = new Map();
const recent = [];

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const mac = (text) => createHmac('sha256', secret).update(text).digest();

function sign(body, expires) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { ...body, iss: id, aud: 'auto-com-center', iat: now, ...(expires ? { exp: now + 300 } : {}) };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${mac(text).toString('base64url')}`;
}

function verify(header) {
  const [scheme, token] = (header ?? '').split(' ');
  const [head, claims, signature] = (token ?? '').split('.');
  if (scheme !== 'Bearer' || !signature) return 'MISSING_TOKEN';
  if (JSON.parse(Buffer.from(head, 'base64url')).alg !== 'HS256') return 'INVALID_TOKEN';
  const given = Buffer.from(signature, 'base64url');
  const expected = mac(`${head}.${claims}`);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'INVALID_TOKEN';
  const said = JSON.parse(Buffer.from(claims, 'base64url'));
  if (said.iss !== 'auto-com-center' || said.aud !== 'scholar-sync-agents') return 'INVALID_TOKEN';
  return said.exp * 1000 > Date.now() ? null : 'TOKEN_EXPIRED';
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const known = ['task_id', 'action', 'payload', 'reply_to', 'trace_id', 'requested_by', 'resources'];
const resources = ['priority', 'timeout_ms', 'retry'];

function wrong(task) {
  for (const name of Object.keys(task)) if (!known.includes(name)) return `unknown field ${name}`;
  for (const name of known.slice(0, 6)) if (!(name in task)) return `missing field ${name}`;
  for (const name of Object.keys(task.resources ?? {})) if (!resources.includes(name)) return `unknown field resources.${name}`;
  if (!uuid.test(task.task_id) || !uuid.test(task.trace_id)) return 'task_id and trace_id must be UUIDs';
  return capabilities.includes(task.action) ? null : `cannot do ${task.action}`;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const answer = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    const fail = (status, code, message, headers) => answer(status, { success: false, error: { code, message } }, headers);
    if (request.method === 'GET' && request.url === '/agent/capabilities') return answer(200, { capabilities, version: '1.0.0', status: 'online' });
    if (request.method !== 'POST' || request.url !== '/agent/task') return fail(404, 'NOT_FOUND', request.url);
    const problem = verify(request.headers.authorization);
    if (problem) return fail(401, problem, 'the token is not valid');
    const now = Date.now();
    while (recent.length && recent[0] < now - 60_000) recent.shift();
    if (perMinute && recent.length >= perMinute) return fail(429, 'RATE_LIMITED', 'too many tasks', { 'retry-after': '1' });
    const task = JSON.parse(Buffer.concat(chunks));
    const why = wrong(task);
    if (why) return fail(400, 'INVALID_PAYLOAD', why);
    recent.push(now);
    taken.set(task.task_id, task);
    answer(200, { task_id: task.task_id, status: 'accepted', message: 'Task accepted' });
    say({ task });
  });
});

async function call(name, path, body, expires) {
  try {
    const response = await fetch(center + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${sign(body, expires)}`, 'x-agent-id': id, 'x-trace-id': body.trace_id ?? randomUUID() },
      body: JSON.stringify(body),
    });
    say({ call: name, status: response.status, body: await response.json() });
  } catch (error) {
    say({ call: name, status: 0, body: { error: String(error.cause ?? error) } });
  }
}

function report(status, taskId, outcome = {}) {
  const body = { task_id: taskId, status, ...outcome, trace_id: taken.get(taskId)?.trace_id ?? randomUUID() };
  return call(status, `/orchestrator/tasks/${taskId}/callback`, body, true);
}

const calls = {
  register: () => call('register', '/orchestrator/register', { agent_id: id, name: `Agent ${id}`, base_url: `http://127.0.0.1:${server.address().port}`, capabilities, timestamp: new Date().toISOString() }, false),
  heartbeat: () => call('heartbeat', '/orchestrator/heartbeat', { agent_id: id, status: 'online', last_seen: new Date().toISOString() }, false),
  accepted: (task) => report('accepted', task),
  in_progress: (task) => report('in_progress', task),
  succeeded: (task) => report('succeeded', task, { result: { pages: 3, echo: taken.get(task)?.payload ?? null } }),
  failed: (task) => report('failed', task, { error: { code: 'DOCUMENT_UNREADABLE', message: 'It has no pages.', details: { pages: 0 } } }),
  event: (event) => call('event', '/orchestrator/events', { event_id: event, type: 'document.read', source: id, data: { pages: 3 }, time: new Date().toISOString(), trace_id: randomUUID() }, true),
};

server.listen(0, '127.0.0.1', () => say({ listening: server.address().port }));
createInterface({ input: process.stdin }).on('line', (line) => {
  const [name, argument] = line.trim().split(' ');
  calls[name]?.(argument);
}).on('close', () => process.exit(0));
