// Draws the API's description and lets every operation be tried. Text goes into the page as text only.

const shownTypes = 6;
let description;

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter(c => c != null));
  return node;
}

// `words` between backticks become code.
function prose(text = '') {
  return text.split('`').map((part, i) => i % 2 ? el('code', {}, part) : part);
}

function resolve(schema) {
  if (!schema) return {};
  if (schema.$ref) return resolve(description.components.schemas[schema.$ref.split('/').pop()]);
  const real = (schema.oneOf ?? schema.anyOf)?.find(s => s.type !== 'null');
  return real ? resolve(real) : schema;
}

function typeOf(schema) {
  const name = schema?.$ref?.split('/').pop();
  if (name) return name;
  const real = resolve(schema);
  const type = [real.type ?? 'any'].flat().filter(t => t !== 'null').join(' or ');
  return type === 'array' ? `list of ${typeOf(real.items)}` : real.format ? `${type} (${real.format})` : type;
}

function example(schema, depth = 0) {
  const real = resolve(schema);
  if (real.example !== undefined) return real.example;
  if (real.enum) return real.enum[0];
  const type = [real.type ?? 'object'].flat().find(t => t !== 'null');
  if (type === 'object') {
    if (depth > shownTypes) return {};
    const required = new Set(real.required ?? []);
    const members = Object.entries(real.properties ?? {}).filter(([name]) => depth > 0 || required.has(name) || name === 'input');
    return Object.fromEntries(members.map(([name, member]) => [name, example(member, depth + 1)]));
  }
  return { array: [], integer: 0, number: 0, boolean: false, string: '' }[type] ?? {};
}

function members(schema, depth = 0) {
  const real = resolve(schema);
  const inner = real.type?.includes?.('array') || real.type === 'array' ? resolve(real.items) : real;
  const properties = Object.entries(inner.properties ?? {});
  if (properties.length === 0) return null;
  const required = new Set(inner.required ?? []);
  return el('table', {},
    el('thead', {}, el('tr', {}, ...['member', 'type', 'meaning'].map(t => el('th', { scope: 'col' }, t)))),
    el('tbody', {}, properties.map(([name, member]) => {
      const below = depth < shownTypes ? lazily(() => members(member, depth + 1), resolve(member)) : null;
      return el('tr', {},
        el('td', {}, el('code', {}, name), required.has(name) ? el('span', { class: 'quiet' }, ' always') : null),
        el('td', {}, typeOf(member)),
        el('td', {}, ...prose(member.description ?? resolve(member).description), below));
    })));
}

// Types may contain themselves (a plan's nodes): what is below is drawn when it is opened.
function lazily(draw, schema) {
  const inner = schema.items ? resolve(schema.items) : schema;
  if (Object.keys(inner.properties ?? {}).length === 0) return null;
  const details = el('details', { ontoggle: () => { if (details.open && details.children.length === 1) details.append(draw()); } }, el('summary', {}, 'members'));
  return details;
}

function field(id, parameter) {
  const schema = parameter.schema ?? {};
  const type = [schema.type].flat();
  if (schema.enum || type.includes('boolean')) {
    const words = schema.enum ?? ['true', 'false'];
    return el('select', { id, name: parameter.name }, el('option', { value: '' }, ''), words.map(w => el('option', { value: w }, String(w))));
  }
  return el('input', {
    id,
    name: parameter.name,
    type: type.includes('integer') ? 'number' : 'text',
    min: schema.minimum,
    max: schema.maximum,
    required: parameter.required,
    placeholder: schema.default ?? '',
    spellcheck: 'false',
  });
}

function parameterTable(id, parameters) {
  if (parameters.length === 0) return null;
  return [
    el('h4', {}, 'Parameters'),
    el('table', {},
      el('thead', {}, el('tr', {}, ...['name', 'value', 'meaning'].map(t => el('th', { scope: 'col' }, t)))),
      el('tbody', {}, parameters.map(p => el('tr', {},
        el('td', {}, el('label', { for: `${id}-${p.name}` }, el('code', {}, p.name)), el('span', { class: 'quiet' }, ` ${p.in}${p.required ? ', required' : ''}`)),
        el('td', {}, field(`${id}-${p.name}`, p)),
        el('td', {}, ...prose(p.description)))))),
  ];
}

function bodyEditor(id, body) {
  if (!body) return null;
  const types = Object.keys(body.content);
  const text = el('textarea', { id: `${id}-body`, spellcheck: 'false' });
  const choice = el('select', { id: `${id}-type`, onchange: fill }, types.map(t => el('option', { value: t }, t)));
  function fill() {
    const schema = body.content[choice.value].schema;
    text.value = choice.value.includes('json') ? JSON.stringify(example(schema), null, 2) : '';
  }
  fill();
  return [
    el('h4', {}, 'Body', el('span', { class: 'quiet' }, body.required ? ' required' : ' optional')),
    el('p', {}, el('label', {}, 'Type ', choice)),
    el('label', { for: text.id }, 'Content'),
    text,
    members(body.content[types[0]].schema),
  ];
}

function responses(operation) {
  return [
    el('h4', {}, 'Answers'),
    el('table', {},
      el('thead', {}, el('tr', {}, ...['status', 'meaning'].map(t => el('th', { scope: 'col' }, t)))),
      el('tbody', {}, Object.entries(operation.responses).map(([status, response]) => {
        const schema = Object.values(response.content ?? {})[0]?.schema;
        return el('tr', {},
          el('td', {}, el('code', {}, status)),
          el('td', {}, ...prose(response.description), schema ? el('span', { class: 'quiet' }, ` ${typeOf(schema)}`) : null, schema ? lazily(() => members(schema), resolve(schema)) : null));
      }))),
  ];
}

function request(id, path, method, operation, form) {
  const value = p => form.querySelector(`#${CSS.escape(`${id}-${p.name}`)}`)?.value.trim() ?? '';
  const parameters = operation.parameters ?? [];
  let address = path;
  for (const p of parameters.filter(p => p.in === 'path')) address = address.replace(`{${p.name}}`, encodeURIComponent(value(p)));
  const query = parameters.filter(p => p.in === 'query' && value(p) !== '').map(p => `${encodeURIComponent(p.name)}=${encodeURIComponent(value(p))}`);
  if (query.length > 0) address += `?${query.join('&')}`;
  const headers = {};
  const tenant = document.querySelector('#tenant').value.trim();
  if (path.startsWith('/api/') && tenant !== '' && tenant !== 'default') headers['X-Tenant-ID'] = tenant;
  for (const p of parameters.filter(p => p.in === 'header' && value(p) !== '')) headers[p.name] = value(p);
  if (operation.responses['200']?.content?.['text/event-stream']) headers.Accept = 'text/event-stream';
  const body = form.querySelector(`#${CSS.escape(`${id}-body`)}`)?.value;
  if (body) headers['Content-Type'] = form.querySelector(`#${CSS.escape(`${id}-type`)}`).value;
  return { address, options: { method: method.toUpperCase(), headers, body: body || undefined } };
}

function curl({ address, options }) {
  const quote = text => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl -X ${options.method} ${quote(location.origin + address)}`];
  for (const [name, value] of Object.entries(options.headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (options.body) parts.push(`--data-binary ${quote(options.body)}`);
  return parts.join(' \\\n  ');
}

async function send(event, id, path, method, operation, output) {
  event.preventDefault();
  const form = event.target;
  const asked = request(id, path, method, operation, form);
  const stop = new AbortController();
  const stopButton = form.querySelector('button.second');
  const onStop = () => stop.abort();
  stopButton.disabled = false;
  stopButton.addEventListener('click', onStop, { once: true });
  const body = el('pre', { tabindex: '0', 'aria-label': 'Answer' });
  const line = el('p', {}, 'Sending…');
  output.replaceChildren(line, el('details', {}, el('summary', {}, 'as a command'), el('pre', {}, curl(asked))), body);
  const start = performance.now();
  try {
    const answer = await fetch(asked.address, { ...asked.options, signal: stop.signal, cache: 'no-store' });
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    line.replaceChildren(
      el('strong', { class: answer.ok ? '' : 'bad' }, `${answer.status} ${answer.statusText}`),
      ` after ${Math.round(performance.now() - start)} ms`);
    body.before(el('details', {}, el('summary', {}, 'headers'), el('pre', {}, head)));
    await show(answer, body);
  } catch (error) {
    line.replaceChildren(el('strong', { class: 'bad' }, stop.signal.aborted ? 'Stopped' : String(error)));
  } finally {
    stopButton.disabled = true;
    stopButton.removeEventListener('click', onStop);
  }
}

async function show(answer, body) {
  if ((answer.headers.get('content-type') ?? '').includes('event-stream')) {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body) body.append(decoder.decode(chunk, { stream: true }));
    return;
  }
  const text = await answer.text();
  try {
    body.textContent = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    body.textContent = text;
  }
}

function operationView(path, method, operation) {
  const id = operation.operationId;
  const output = el('div', { 'aria-live': 'polite' });
  const parameters = (operation.parameters ?? []).filter(p => p.name !== 'X-Tenant-ID');
  const details = el('details', { class: 'operation', id, 'data-words': `${method} ${path} ${id} ${operation.summary}`.toLowerCase() },
    el('summary', {},
      el('span', { class: `method ${method}` }, method.toUpperCase()),
      el('span', { class: 'path' }, path),
      el('span', { class: 'quiet' }, operation.summary)));
  details.addEventListener('toggle', () => {
    if (!details.open || details.children.length > 1) return;
    details.append(el('div', {},
      el('p', {}, ...prose(operation.description)),
      el('form', { autocomplete: 'off', onsubmit: e => send(e, id, path, method, operation, output) },
        parameterTable(id, parameters),
        bodyEditor(id, operation.requestBody),
        el('div', { class: 'actions' },
          el('button', { type: 'submit' }, 'Send'),
          el('button', { type: 'button', class: 'second', disabled: true }, 'Stop'))),
      output,
      responses(operation)));
  });
  return details;
}

function draw() {
  const main = document.querySelector('#main');
  const index = document.querySelector('#index');
  document.querySelector('#about').replaceChildren(...prose(description.info.description));
  const tags = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'Other';
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push([path, method, operation]);
    }
  }
  for (const [tag, operations] of tags) {
    const section = el('section', { 'aria-labelledby': `tag-${tag}` }, el('h2', { id: `tag-${tag}` }, tag));
    const list = el('ul');
    for (const [path, method, operation] of operations) {
      section.append(operationView(path, method, operation));
      list.append(el('li', { 'data-for': operation.operationId },
        el('a', { href: `#${operation.operationId}` }, el('span', { class: `method ${method}` }, method.toUpperCase()), ` ${operation.summary}`)));
    }
    main.append(section);
    index.append(el('h2', {}, tag), list);
  }
}

function filter() {
  const words = document.querySelector('#filter').value.toLowerCase().split(/\s+/).filter(w => w);
  for (const view of document.querySelectorAll('.operation')) {
    const hit = words.every(w => view.dataset.words.includes(w));
    view.hidden = !hit;
    document.querySelector(`[data-for="${view.id}"]`).hidden = !hit;
  }
}

function openNamed() {
  const view = document.getElementById(location.hash.slice(1));
  if (view?.matches('.operation')) {
    view.open = true;
    view.querySelector('summary').focus();
  }
}

async function start() {
  const state = document.querySelector('#state');
  try {
    const answer = await fetch('/api/v1/openapi.json');
    if (!answer.ok) throw new Error(`The description cannot be read: ${answer.status}`);
    description = await answer.json();
  } catch (error) {
    state.textContent = String(error);
    state.className = 'bad';
    return;
  }
  state.hidden = true;
  draw();
  openNamed();
  window.addEventListener('hashchange', openNamed);
  document.querySelector('#filter').addEventListener('input', filter);
  document.querySelector('#settings').addEventListener('submit', e => e.preventDefault());
}

start();
