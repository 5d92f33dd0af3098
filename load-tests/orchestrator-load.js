// Load on the Agent Bridge with k6 (https://k6.io): what remote agents send, signed as they sign it.
//
//   k6 run -e BASE_URL=http://127.0.0.1:8000 -e SHARED_SECRET=… -e AGENT_URL=http://127.0.0.1:9000 load-tests/orchestrator-load.js
//
// Each iteration is one agent: it registers, sends a heartbeat, answers a task and tells of an event. The task is dispatched before,
// which is not measured, and sent to AGENT_URL: an address that the server reaches and that accepts any POST with 200.
// OPERATOR_TOKEN is shown for that where the server asks who is calling. STAGES scales the durations (0.1 for a tenth).
// `af load orchestrator` makes the same calls at a constant rate without k6.
import http from 'k6/http';
import crypto from 'k6/crypto';
import encoding from 'k6/encoding';
import exec from 'k6/execution';
import { check } from 'k6';
import { Rate } from 'k6/metrics';

const base = __ENV.BASE_URL || 'http://127.0.0.1:8000';
const secret = __ENV.SHARED_SECRET;
const agentUrl = __ENV.AGENT_URL || 'http://127.0.0.1:9000';
const scale = Number(__ENV.STAGES || 1);
const errors = new Rate('errors');

// An iteration makes four calls: 50 requests/s are 12.5 iterations/s, written as 125 in 10 s.
const perTenSeconds = (requests) => Math.round((requests / 4) * 10);
const lasting = (seconds) => `${Math.max(1, Math.round(seconds * scale))}s`;

export const options = {
  scenarios: {
    agents: {
      // Arrivals, not users: a server that answers slowly is not asked less.
      executor: 'ramping-arrival-rate',
      startRate: 0,
      timeUnit: '10s',
      preAllocatedVUs: 100,
      maxVUs: 1000,
      stages: [
        { duration: lasting(30), target: perTenSeconds(50) },
        { duration: lasting(60), target: perTenSeconds(100) },
        { duration: lasting(120), target: perTenSeconds(200) },
        { duration: lasting(120), target: perTenSeconds(200) },
        { duration: lasting(30), target: 0 },
      ],
    },
  },
  thresholds: {
    'http_req_duration{endpoint:register}': ['p(95)<120'],
    'http_req_duration{endpoint:heartbeat}': ['p(95)<120'],
    'http_req_duration{endpoint:callback}': ['p(95)<120'],
    'http_req_duration{endpoint:event}': ['p(95)<120'],
    errors: ['rate<0.01'],
  },
};

const uuid = () => {
  const hex = Array.from(new Uint8Array(crypto.randomBytes(16)), (b) => b.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
};

// HS256: the claims are the body, who sends it, and for whom it is.
const sign = (agent, body, expires) => {
  const now = Math.floor(Date.now() / 1000);
  const claims = { ...body, iss: agent, aud: 'auto-com-center', iat: now, ...(expires ? { exp: now + 300 } : {}) };
  const part = (value) => encoding.b64encode(JSON.stringify(value), 'rawurl');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${crypto.hmac('sha256', secret, signed, 'base64rawurl')}`;
};

const send = (endpoint, path, agent, body, expires = false) => {
  const answer = http.post(`${base}${path}`, JSON.stringify(body), {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${sign(agent, body, expires)}`, 'X-Agent-Id': agent },
    tags: { endpoint },
  });
  const good = check(answer, { [`${endpoint} is taken`]: (r) => r.status === 200 && r.json('success') === true });
  errors.add(!good);
  return good;
};

export function setup() {
  if (!secret || secret.length < 32) {
    throw new Error('SHARED_SECRET is missing or shorter than 32 characters: give the one that the server has, with -e SHARED_SECRET=…');
  }
}

export default function () {
  const agent = `k6-${exec.vu.idInTest}-${exec.vu.iterationInScenario}`;
  if (!send('register', '/orchestrator/register', agent, { agent_id: agent, name: `Load ${exec.vu.idInTest}`, base_url: agentUrl, capabilities: ['load.nothing'] })) {
    return;
  }

  send('heartbeat', '/orchestrator/heartbeat', agent, { agent_id: agent });
  const operator = __ENV.OPERATOR_TOKEN ? { Authorization: `Bearer ${__ENV.OPERATOR_TOKEN}` } : {};
  const dispatched = http.post(
    `${base}/orchestrator/tasks/dispatch`,
    JSON.stringify({ action: 'load.nothing', payload: {}, requested_by: 'k6', agent_id: agent }),
    { headers: { 'Content-Type': 'application/json', ...operator }, tags: { endpoint: 'dispatch' } },
  );
  if (check(dispatched, { 'dispatch is taken': (r) => r.status === 202 })) {
    const task = dispatched.json('task_id');
    send('callback', `/orchestrator/tasks/${task}/callback`, agent, { task_id: task, status: 'succeeded', result: { data: 'load' }, trace_id: uuid() }, true);
  } else {
    errors.add(true);
  }

  send('event', '/orchestrator/events', agent, { event_id: uuid(), type: 'load.happened', source: agent, data: { load: true }, time: new Date().toISOString(), trace_id: uuid() }, true);
}
