// The package as a page uses it, in headless Chromium, and the example. The pages are of another origin than the API, which
// allows that.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { look } from './support/chromium.mjs';
import { chance } from './support/chance.mjs';
import { dataDirectory, load, serve } from './support/server.mjs';
import { bruteForce, sites, wantedAt } from './support/world.mjs';

const PATIENCE_MS = 120_000;

const SITES = sites();
const CAFES = {
  name: 'places',
  places: [
    { id: 'c-1', lat: 48.857, lon: 2.353, properties: { name: 'Café <b>Près</b>', category: 'cafe' } },
    { id: 'c-2', lat: 48.86, lon: 2.36, properties: { name: 'Café Loin', category: 'cafe' } },
    { id: 'b-1', lat: 48.8567, lon: 2.3523, properties: { name: 'Bar', category: 'bar' } },
  ],
};
const WANTED = SITES.flatMap((site) => Array.from({ length: 3 }, (_, user) => wantedAt(site, chance(user + 50))));

const data = dataDirectory();
let server;
let page;

before(async () => {
  server = await serve(data.path);
  for (const site of [...SITES, CAFES]) await load(server.base, site);
  page = await Page.start();
});

after(async () => {
  await page.stop();
  await server.stop();
  data.remove();
});

/** The pages, of another origin than the API. */
class Page {
  seen = [];

  static async start() {
    const page = new Page();
    page.http = createServer((request, response) => {
      page.answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    await new Promise((resolve) => page.http.listen(0, '127.0.0.1', resolve));
    page.base = `http://127.0.0.1:${page.http.address().port}`;
    return page;
  }

  /** What the page that is looked at next reports. */
  reported() {
    return new Promise((resolve, reject) => {
      this.report = resolve;
      setTimeout(() => reject(new Error(`nothing reported; seen: ${this.seen.join(' ')}`)), PATIENCE_MS).unref();
    });
  }

  async answer(request, response) {
    const path = request.url;
    this.seen.push(path);
    if (path === '/report') {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end();
      this.report(JSON.parse(body));
    } else if (path === '/gone') {
      await server.stop();
      response.end();
    } else if (path === '/wanted') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ api: server.base, all: WANTED }));
    } else {
      await this.file(path, response);
    }
  }

  async file(path, response) {
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
    if (!/^\/(test\/browser\.html|example\/index\.html|dist\/[\w.-]+\.js)$/.test(path)) return void response.writeHead(404).end();
    let text = await readFile(new URL(`..${path}`, import.meta.url), 'utf8');
    if (path === '/example/index.html') text = HERE + text.replaceAll('http://127.0.0.1:8080', server.base);
    response.setHeader('content-type', type).end(text);
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

/** A browser whose user is in Paris, and which reports what the example shows. */
const HERE = `<script>
  navigator.geolocation.getCurrentPosition = (found) => found({ coords: { latitude: 48.8566, longitude: 2.3522 } });
  const done = setInterval(() => {
    const lines = [...document.querySelectorAll('ol li')].map((line) => line.textContent);
    if (lines.length === 0) return;
    clearInterval(done);
    fetch('/report', { method: 'POST', body: JSON.stringify(lines) });
  }, 20);
</script>`;

test('a page finds what brute force finds, and its last answer when the server is gone', async () => {
  const reported = page.reported();
  const consoles = await look(`${page.base}/test/browser.html`, reported);
  const { error, answers, aborted, latest, last } = await reported;
  assert.equal(error, undefined);
  const truths = WANTED.map((wanted) => bruteForce(SITES.find(({ name }) => name === wanted.collection), wanted));
  assert.deepEqual(answers.map(({ results }) => results), truths);
  const requests = answers.flatMap(({ requests }) => requests);
  assert.ok(requests.every(({ outcome }) => outcome !== 'failed'), JSON.stringify(requests));
  assert.ok(requests.some(({ outcome }) => outcome === 'kept'));
  assert.ok(requests.every(({ outcome, cacheStatus }) => outcome === 'kept' || /cellar/.test(cacheStatus)), 'headers are exposed');
  assert.equal(aborted, 'AbortError');
  assert.deepEqual(last, { stale: true, results: truths[latest] });
  // What the browser says of the server that is gone, and nothing else.
  assert.deepEqual(consoles.filter((line) => !/net::ERR_CONNECTION_(REFUSED|RESET)/.test(line)), []);
});

test('the example shows the nearest cafés', async () => {
  server = await serve(data.path);
  const reported = page.reported();
  const consoles = await look(`${page.base}/example/index.html`, reported);
  assert.deepEqual(await reported, ['Café <b>Près</b>, 74 m', 'Café Loin, 685 m']);
  assert.deepEqual(consoles.filter((line) => !/favicon/.test(line)), []);
});
