// The explorer in headless Chromium, as `cellar demo` serves it: no complaint, no request to anybody else.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { Browser } from './browser.mjs';

const SEARCHED = "/vouches|exact endpoint was asked/.test(document.querySelector('#status').textContent)";
const text = (selector) => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const field = (name) => `document.querySelector('#search').elements[${JSON.stringify(name)}].value`;

let server;
let base;
let browser;

before(async () => {
  const [command, flags] = [process.env.CELLAR_BINARY, ['demo', '--listen', '127.0.0.1:0']];
  server = spawn(command, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => server.kill('SIGKILL'));
  base = await new Promise((resolve, reject) => {
    let output = '';
    server.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
    server.stdout.on('data', (chunk) => {
      output += chunk;
      const address = /(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (address) resolve(address);
    });
  });
  browser = await Browser.start();
  await browser.size(1280, 800);
});

afterEach(() => {
  assert.deepEqual(browser.complaints, []);
  const foreign = browser.requests.filter((url) => !url.startsWith(`${base}/`) && !/^(data|about):/.test(url));
  assert.deepEqual(foreign, []);
});

after(async () => {
  await browser.stop();
  server.kill('SIGTERM');
});

/** Keeps a picture where somebody wants to look at it. */
async function keep(name) {
  const directory = process.env.EXPLORER_PICTURES;
  if (directory) writeFileSync(`${directory}/${name}.png`, await browser.picture());
}

/** How many pixels of the map have each colour, counted on a copy. */
const DRAWN = `(() => {
  const canvas = document.querySelector('#map');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const colour = data.slice(i, i + 3).join();
    colours.set(colour, (colours.get(colour) ?? 0) + 1);
  }
  return Object.fromEntries(colours);
})()`;

test('browsers get it at the address itself, programs get links', async () => {
  const page = await fetch(base, { headers: { accept: 'text/html,*/*;q=0.8' } });
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.equal(page.headers.get('vary'), 'accept-encoding, accept');
  assert.equal((await (await fetch(base)).json()).title, 'Cellar');
  const explorer = await fetch(`${base}/explorer`);
  const tag = explorer.headers.get('etag');
  assert.equal((await fetch(`${base}/explorer`, { headers: { 'if-none-match': tag } })).status, 304);
});

test('it begins with a search at one of the places, and tells how it was answered', async () => {
  await browser.open(`${base}/`);
  await browser.until(SEARCHED);
  assert.match(await browser.evaluate(text('#status')), /^\d+ places?, .* says the same, to the last bit; it looks at \d+ page/);
  assert.ok((await browser.evaluate("document.querySelectorAll('#places li button').length")) > 0);
  const categories = await browser.evaluate("[...document.querySelectorAll('#categories option')].map((o) => o.value)");
  assert.ok(categories.includes('cafe') && categories.includes('park'), categories.join());
  const rows = await browser.evaluate("[...document.querySelectorAll('#requests tr')].map((row) => row.innerText)");
  assert.ok(rows.some((row) => row.startsWith('density map')), rows.join('\n'));
  assert.ok(rows.some((row) => row.startsWith('gh:') && /rendered miss/.test(row) && /rendered hit/.test(row)), rows.join('\n'));
  assert.ok(rows.some((row) => row.startsWith('exact') && /memory \d+ of \d+/.test(row)), rows.join('\n'));
  // Land, places and the user.
  for (const colour of ['247,245,239', '11,110,79', '194,39,59']) await browser.until(`(${DRAWN})['${colour}'] > 10`);
});

test('a click on the map searches there, and the address of the page says so', async () => {
  await browser.open(`${base}/explorer#collection=places&lat=48.85&lon=2.35&radius=1500&limit=5&category=cafe`);
  await browser.until(`${SEARCHED} && ${field('lat')} === '48.85'`);
  assert.match(await browser.evaluate(text('#places')), /cafe/);
  // The cell and its circle, and pages, some of whose pixels are of their very colours.
  await browser.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 420, y: 400, deltaX: 0, deltaY: 900 });
  await browser.until(`(${DRAWN})['29,78,216'] > 50 && (${DRAWN})['124,92,191'] > 5`);
  await keep('desk');
  await browser.click(420, 300);
  await browser.until(`${SEARCHED} && ${field('lat')} !== '48.85'`);
  const address = await browser.evaluate('location.hash');
  const lat = await browser.evaluate(field('lat'));
  assert.ok(address.includes(`lat=${lat}`) && address.includes('category=cafe'), address);
  assert.ok(Math.abs(lat - 48.85) < 0.05, lat);
  // The same address later is the same search.
  await browser.open(`${base}/explorer?again${address}`);
  await browser.until(`${SEARCHED} && ${field('lat')} === '${lat}'`);
});

test('dragging moves the map and does not search', async () => {
  const before = await browser.evaluate(field('lat'));
  await browser.send('Input.dispatchMouseEvent', { type: 'mousePressed', x: 400, y: 300, button: 'left', clickCount: 1 });
  await browser.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: 300, y: 200, button: 'left', buttons: 1 });
  await browser.send('Input.dispatchMouseEvent', { type: 'mouseReleased', x: 300, y: 200, button: 'left', clickCount: 1 });
  await browser.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 300, y: 200, deltaX: 0, deltaY: 300 });
  assert.equal(await browser.evaluate(field('lat')), before);
});

test('everything can be done by keys', async () => {
  const before = await browser.evaluate(field('lon'));
  await browser.evaluate("document.querySelector('#map').focus()");
  await browser.press('ArrowRight');
  await browser.press('-', 'Minus');
  await browser.press('Enter');
  await browser.until(`${SEARCHED} && ${field('lon')} !== '${before}'`);
  // Each control is reached by Tab, in the order of the page, and shows that it is.
  await browser.evaluate("document.querySelector('#map').focus()");
  const reached = [];
  for (let i = 0; i < 12; i++) {
    await browser.press('Tab');
    reached.push(await browser.evaluate('document.activeElement.id || document.activeElement.name || document.activeElement.type'));
  }
  assert.deepEqual(reached.slice(0, 10), ['closer', 'farther', 'here', 'collection', 'category', 'radius', 'limit', 'lat', 'lon', 'submit']);
});

test('a place that is pointed out is marked on the map', async () => {
  await browser.evaluate("document.querySelector('#places button').focus()");
  await browser.until(`(${DRAWN})['217,119,6'] > 30`);
});

test('a request is copied as a command for a shell', async () => {
  const command = await browser.evaluate("document.querySelector('#requests button').title");
  assert.ok(command.startsWith(`curl -i --compressed '${base}/v1/collections/places/`), command);
  await browser.evaluate("document.querySelector('#requests button').click()");
  await browser.until(`/Copied|curl/.test(${text('#status')})`);
});

test('it searches where the user is', async () => {
  await browser.send('Browser.grantPermissions', { permissions: ['geolocation'], origin: base });
  await browser.send('Emulation.setGeolocationOverride', { latitude: 52.52, longitude: 13.405, accuracy: 1 });
  await browser.evaluate("document.querySelector('#here').click()");
  await browser.until(`${SEARCHED} && ${field('lat')} === '52.52000'`);
});

test('what the server refuses is told, and the next search works', async () => {
  await browser.open(`${base}/explorer#collection=places&lat=0&lon=-140&radius=900000&limit=5`);
  await browser.until("document.querySelector('#status').classList.contains('failed')");
  assert.match(await browser.evaluate(text('#status')), /radius/);
  // The browser itself notes each answer of 400.
  browser.complaints = browser.complaints.filter((line) => !/status of 400/.test(line));
  await browser.open(`${base}/explorer?again#collection=places&lat=0&lon=-140&radius=5000&limit=5`);
  await browser.until(SEARCHED);
  assert.match(await browser.evaluate(text('#status')), /^0 places/);
});

test('beside the antimeridian and at a pole', async () => {
  for (const [lat, lon] of [[-17.7, 179.99], [64.7, -179.99], [89.9, 0]]) {
    await browser.open(`${base}/explorer?${lat}#collection=places&lat=${lat}&lon=${lon}&radius=50000&limit=5`);
    await browser.until(`${SEARCHED} && ${field('lat')} === '${lat}'`);
    await browser.until(`Object.keys(${DRAWN}).length > 3`);
  }
});

test('it fits a phone, and the dark', async () => {
  await browser.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] });
  for (const width of [320, 390]) {
    await browser.size(width, 800);
    await browser.open(`${base}/explorer?${width}#collection=places&lat=48.85&lon=2.35&radius=1500&limit=5`);
    await browser.until(SEARCHED);
    assert.ok((await browser.evaluate('document.documentElement.scrollWidth')) <= width);
    const small = await browser.evaluate(`[...document.querySelectorAll('button, input, select')]
      .filter((each) => each.getBoundingClientRect().height < 32).map((each) => each.outerHTML)`);
    assert.deepEqual(small, [], 'too small for a finger');
    await browser.until(`(${DRAWN})['38,49,58'] > 100 && !(${DRAWN})['247,245,239']`);
  }
  await keep('phone');
});

test('where reading takes a key it asks for one, and keeps it until the tab is closed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'explorer-'));
  const file = join(directory, 'keys.json');
  const create = ['key', 'create', '--scope', 'write:*', '--file', file, '--json'];
  const { key } = JSON.parse(execFileSync(process.env.CELLAR_BINARY, create, { encoding: 'utf8' }));
  const env = { ...process.env, CELLAR_API_KEYS_FILE: file, CELLAR_READS: 'keyed' };
  const keyed = spawn(process.env.CELLAR_BINARY, ['serve', '--listen', '127.0.0.1:0', '--data', join(directory, 'data')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const demo = base;
  try {
    const [line] = await once(keyed.stdout, 'data');
    // Requests to this server are not foreign.
    base = /(http:\/\/127\.0\.0\.1:\d+)/.exec(line)[1];
    browser.requests = [];
    const headers = { authorization: `Bearer ${key}` };
    const collection = `${base}/v1/collections/bars`;
    await fetch(collection, { method: 'PUT', headers });
    const place = { type: 'Feature', geometry: { type: 'Point', coordinates: [2.35, 48.85] }, properties: { name: 'A' } };
    const item = { method: 'PUT', headers: { ...headers, 'content-type': 'application/geo+json' }, body: JSON.stringify(place) };
    assert.equal((await fetch(`${collection}/items/a`, item)).status, 201);

    await browser.open(`${base}/explorer`);
    await browser.until("document.querySelector('#access input')");
    assert.match(await browser.evaluate(text('#status')), /takes the header/);
    const give = (value) => `(() => {
      document.querySelector('#access input').value = ${JSON.stringify(value)};
      document.querySelector('#access').requestSubmit();
    })()`;
    await browser.evaluate(give('cellar_wrong'));
    await browser.until(`document.querySelector('#access') && /no key of this server/.test(${text('#status')})`);
    await browser.evaluate(give(key));
    await browser.until(SEARCHED);
    assert.match(await browser.evaluate(text('#places')), /A/);
    const kept = await browser.evaluate('[sessionStorage.length, localStorage.length, document.cookie, location.href].join()');
    assert.equal(await browser.evaluate("sessionStorage.getItem('cellar-api-key')"), key);
    assert.ok(kept.startsWith('1,0,,') && !kept.includes(key), kept);
    const command = await browser.evaluate("document.querySelector('#requests button').title");
    assert.ok(command.includes('Bearer $CELLAR_API_KEY') && !command.includes(key), command);
    await browser.open(`${base}/explorer?again`);
    await browser.until(SEARCHED);
    // The browser itself notes each answer of 401.
    browser.complaints = browser.complaints.filter((line) => !/status of 401/.test(line));
    assert.deepEqual(browser.requests.filter((url) => !url.startsWith(`${base}/`) && !/^(data|about):/.test(url)), []);
  } finally {
    keyed.kill('SIGKILL');
    base = demo;
    browser.requests = [];
    rmSync(directory, { recursive: true });
  }
});

test('it needs one file', async () => {
  await browser.open(`${base}/explorer#collection=places&lat=48.85&lon=2.35&radius=1500&limit=5`);
  await browser.until(SEARCHED);
  const loaded = await browser.evaluate("performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)");
  assert.ok(loaded.every((path) => path.startsWith('/v1/')), loaded.join());
});
