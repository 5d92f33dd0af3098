// Runs a k6 script under Node, as far as load-tests/ needs k6: one call after the other, N iterations, thresholds checked at the end.
//   node run.mjs SCRIPT ITERATIONS        -e variables come from the environment
// Prints one line of JSON: {iterations, checks: {name: {passes, fails}}, metrics: {…}, thresholds: {name: bool}}.
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const [script, iterations] = [process.argv[2], Number(process.argv[3])];
const checks = {};
const samples = {};
const add = (name, value, tags = {}) => {
  for (const key of [name, ...Object.entries(tags).map(([tag, word]) => `${name}{${tag}:${word}}`)]) {
    (samples[key] ??= []).push(value);
  }
};

const client = `
  const { method, url, body, headers } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
  const begun = performance.now();
  fetch(url, { method, body, headers }).then(
    async (r) => console.log(JSON.stringify({ status: r.status, body: await r.text(), took: performance.now() - begun })),
    (e) => console.log(JSON.stringify({ status: 0, body: '', error: String(e.cause ?? e), took: performance.now() - begun })));`;

// k6's calls wait for their answer; so does a process that is waited for.
const post = (url, body, params = {}) => {
  const said = JSON.parse(execFileSync(process.execPath, ['-e', client], { input: JSON.stringify({ method: 'POST', url, body, headers: params.headers }), encoding: 'utf8' }));
  add('http_req_duration', said.took, params.tags);
  return { status: said.status, body: said.body, error: said.error, json: (path) => path.split('.').reduce((value, name) => value?.[name], JSON.parse(said.body)) };
};

const digest = { base64rawurl: 'base64url', hex: 'hex' };
const exec = { vu: { idInTest: 1, iterationInScenario: 0 } };
const modules = {
  'k6': { check: (value, named) => Object.entries(named).every(([name, holds]) => { const good = Boolean(holds(value)); (checks[name] ??= { passes: 0, fails: 0 })[good ? 'passes' : 'fails']++; return good; }) },
  'k6/http': { default: { post } },
  'k6/metrics': { Rate: class { constructor(name) { this.name = name; } add(bad) { add(this.name, bad ? 1 : 0); } } },
  'k6/crypto': { default: { hmac: (algorithm, key, text, encoding) => createHmac(algorithm, key).update(text).digest(digest[encoding]), randomBytes: (n) => new Uint8Array(randomBytes(n)).buffer } },
  'k6/encoding': { default: { b64encode: (text, kind) => { if (kind !== 'rawurl') throw new Error(kind); return Buffer.from(text).toString('base64url'); } } },
  'k6/execution': { default: exec },
};

// The imports become these objects; everything else of the script runs as it stands.
const source = readFileSync(script, 'utf8')
  .replaceAll(/^import \{ (.+) \} from '(k6[^']*)';$/gm, (_, names, module) => `const { ${names} } = globalThis.k6['${module}'];`)
  .replaceAll(/^import (\w+) from '(k6[^']*)';$/gm, (_, name, module) => `const ${name} = globalThis.k6['${module}'].default;`);
globalThis.k6 = modules;
globalThis.__ENV = process.env;
const test = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}#${pathToFileURL(script)}`);

const data = test.setup?.();
for (let i = 0; i < iterations; i++) {
  exec.vu.iterationInScenario = i;
  test.default(data);
}

const holds = (name, condition) => {
  const values = (samples[name] ?? []).toSorted((a, b) => a - b);
  const [, kind, part, limit] = /^(p\((\d+)\)|rate)<([\d.]+)$/.exec(condition);
  const value = kind === 'rate' ? values.reduce((sum, v) => sum + v, 0) / values.length : values[Math.ceil((Number(part) / 100) * values.length) - 1];
  return values.length > 0 && value < Number(limit);
};
const thresholds = Object.fromEntries(Object.entries(test.options.thresholds).map(([name, conditions]) => [name, conditions.every((c) => holds(name, c))]));
console.log(JSON.stringify({ iterations, checks, thresholds, requests: Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, values.length])), scenarios: test.options.scenarios }));
