// What a client does with its time, its answers and its failures, against a server in the process.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NearbyClient, NearbyError } from '../dist/index.js';
import { Origin } from './support/origin.mjs';
import { chance } from './support/chance.mjs';
import { bruteForce, results, sites, SOME, wantedAt } from './support/world.mjs';

const SITES = sites();
const TOWN = SITES[0];
const PARIS = { collection: 'town', lat: 48.8566, lon: 2.3522, radius: 5_000, limit: 20 };

/** A server, a clock and a client. Pauses are of no length unless told otherwise. */
function bed(options = {}) {
  const origin = new Origin(SITES);
  const clock = { now: Date.UTC(2026, 0, 1) };
  const client = new NearbyClient(origin.base, {
    fetch: origin.fetch,
    now: () => clock.now,
    random: () => 0,
    ...options,
  });
  return { origin, clock, client };
}

const outcomes = (found) => found.requests.map(({ outcome }) => outcome);

test('every answer equals brute force', async () => {
  for (const site of SITES) {
    const { client } = bed();
    const random = chance(7);
    for (let user = 0; user < 40; user++) {
      const wanted = wantedAt(site, random);
      const found = await client.nearby(wanted);
      assert.deepEqual(results(found), bruteForce(site, wanted), JSON.stringify(wanted));
      assert.ok(found.requests.filter(({ cell }) => cell).length <= 3);
      assert.equal(found.requests.at(-1).cell, found.cell);
    }
  }
});

test('places come with all that they have', async () => {
  const { client } = bed();
  const { hits } = await client.nearby(PARIS);
  const place = TOWN.places.find(({ id }) => id === hits[0].id);
  assert.deepEqual(hits[0], { ...place, distance: hits[0].distance });
});

test('what the exact endpoint refuses is refused, and nothing is sent', async () => {
  const { client, origin } = bed();
  const wrong = {
    limit: [0, 101, 1.5, NaN],
    radius: [0, -1, NaN, Infinity],
    lat: [91, NaN, '48', undefined],
    lon: [-181, null],
    collection: ['', 'A', '../x', 'x'.repeat(65)],
    category: ['', '\ud800'],
  };
  for (const [parameter, values] of Object.entries(wrong)) {
    for (const value of values) {
      if (value === undefined && parameter !== 'lat') continue;
      await assert.rejects(client.nearby({ ...PARIS, [parameter]: value }), (error) => {
        assert.ok(error instanceof NearbyError);
        assert.equal(error.reason, 'invalid');
        return error.message.includes(parameter);
      });
    }
  }
  assert.equal(origin.asked.length, 0);
});

test('problems of the server are told as they came', async () => {
  const { client, origin } = bed();
  origin.maxRadius = 50_000;
  const far = { ...PARIS, lat: 0, radius: 180_000 };
  await assert.rejects(client.nearby(far), (error) => {
    assert.equal(error.reason, 'refused');
    assert.equal(error.status, 400);
    assert.equal(error.problem.parameter, 'radius');
    assert.match(error.problem.allowed, /50000/);
    return /the server answers 400: `radius` must be/.test(error.message);
  });
  assert.equal(origin.asked.filter((path) => path.includes('mode=exact')).length, 1, 'not again');
  await assert.rejects(client.nearby({ ...PARIS, collection: 'nowhere' }), { reason: 'refused', status: 404 });
});

test('positions leave the device only for the exact endpoint', async () => {
  const { client, origin } = bed();
  await client.nearby(PARIS);
  assert.ok(origin.asked.length > 0 && origin.asked.every((path) => !/lat|48\.85/.test(path)), origin.asked.join());
  origin.instead = () => Promise.reject(new TypeError('failed to fetch'));
  await assert.rejects(client.nearby({ ...PARIS, lat: 10 }), (error) => {
    assert.equal(error.reason, 'unreachable');
    return error.cause instanceof TypeError && !/lat/.test(error.message);
  });
});

test('a user who moves within a cell asks once while the answer is fresh', async () => {
  const { client, origin, clock } = bed();
  const ask = async (lat) => outcomes(await client.nearby({ ...PARIS, lat })).join();
  assert.equal(await ask(48.8566), 'answered');
  for (const lat of [48.8566, 48.86, 48.85]) assert.equal(await ask(lat), 'kept');
  clock.now += 29_999;
  assert.equal(await ask(48.859), 'kept');
  clock.now += 1;
  assert.equal(await ask(48.859), 'answered');
  assert.equal(origin.cells.length, 2);
  clock.now -= 60_000;
  assert.equal(await ask(48.859), 'answered', 'a clock that was put back makes nothing fresh');
  const { client: forgetful, origin: other } = bed({ keep: 0 });
  for (let i = 0; i < 2; i++) await forgetful.nearby(PARIS);
  assert.equal(other.cells.length, 2);
});

test('an answer is as old as its Age says', async () => {
  const { client, origin, clock } = bed();
  origin.headers = { ...origin.headers, age: '25', 'cache-status': 'edge; hit' };
  const asked = clock.now;
  const found = await client.nearby(PARIS);
  assert.equal(found.asOf, asked - 25_000);
  assert.deepEqual(outcomes(found), ['answered']);
  assert.equal(found.requests[0].age, 25);
  assert.equal(found.requests[0].cacheStatus, 'edge; hit');
  clock.now += 4_999;
  assert.deepEqual(outcomes(await client.nearby(PARIS)), ['kept']);
  clock.now += 1;
  assert.deepEqual(outcomes(await client.nearby(PARIS)), ['answered']);
});

test('the oldest answers go when there is no room', async () => {
  const { client } = bed({ keep: 60_000 });
  const ask = async (lat) => outcomes(await client.nearby({ ...PARIS, lat, limit: 1, radius: 100 })).join();
  for (const lat of [48.8566, 48, 47, 49, 50, 46, 51, 45]) assert.equal(await ask(lat), 'answered');
  assert.equal(await ask(45), 'kept');
  assert.equal(await ask(48.8566), 'answered');
});

test('the density map picks the first cell and is asked for once in a while', async () => {
  const map = JSON.stringify({ rows: { u0: '00000000050000000000000000000000' } });
  for (const [maps, level, asks] of [[{ town: map }, 5, 1], [{}, 4, 1], [{ town: '<html>' }, 4, 1]]) {
    const { client, origin, clock } = bed();
    origin.maps = maps;
    for (let step = 0; step < 20; step++) {
      // Neighbourhoods of which nothing is remembered.
      const wanted = { ...PARIS, lat: 48.8566 + step * 0.06 - 0.6 };
      const found = await client.nearby(wanted);
      assert.deepEqual(results(found), bruteForce(TOWN, wanted));
      if (step === 10) {
        assert.equal(found.requests[0].cell.length, 3 + level);
        clock.now += 60_000;
      }
    }
    assert.equal(origin.asked.filter((path) => path.endsWith('/edge-map')).length, asks);
  }
});

test('a map that fails or hangs costs a part of the time and nothing else', async () => {
  for (const map of [() => Promise.reject(new TypeError('x')), () => new Promise(() => {})]) {
    const { client, origin } = bed();
    origin.instead = (path, honest) => (path.endsWith('/edge-map') ? map() : honest());
    assert.deepEqual(results(await client.nearby(PARIS, { within: 400 })), bruteForce(TOWN, PARIS));
  }
});

test('a call that is aborted ends at once, with the reason of its signal', async () => {
  const { client, origin } = bed();
  await assert.rejects(client.nearby(PARIS, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(origin.asked.length, 0);
  origin.instead = () => new Promise(() => {});
  for (const wait of [0, 5]) {
    const controller = new AbortController();
    const call = client.nearby(PARIS, { signal: controller.signal });
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const reason = new Error('the user types on');
    controller.abort(reason);
    await assert.rejects(call, reason);
  }
  // While it pauses before another try.
  const paused = bed({ random: () => 1 });
  paused.origin.instead = () => new Response('', { status: 503, headers: { 'retry-after': '5' } });
  await assert.rejects(paused.client.exact(PARIS, { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
});

test('a transport that takes no heed of signals does not hold a call up', async () => {
  const client = new NearbyClient('http://cellar.test', { fetch: () => new Promise(() => {}) });
  const start = performance.now();
  await assert.rejects(client.nearby(PARIS, { within: 80 }), { reason: 'deadline' });
  assert.ok(performance.now() - start < 5_000);
});

test('cells that do not answer leave time for the exact endpoint', async () => {
  const { client, origin } = bed();
  origin.instead = (path, honest) => (path.includes('/cells/') ? new Promise(() => {}) : honest());
  const found = await client.nearby(PARIS, { within: 1_000 });
  assert.deepEqual(results(found), bruteForce(TOWN, PARIS));
  assert.deepEqual(outcomes(found), ['failed', 'answered']);
  assert.equal(found.cell, undefined);
});

test('failures that may pass are tried again, as long as there is time', async () => {
  const failures = [
    () => new Response('', { status: 503 }),
    () => new Response('', { status: 429 }),
    () => Promise.reject(new TypeError('reset by peer')),
  ];
  for (const failure of failures) {
    const { client, origin } = bed();
    let left = 2;
    origin.instead = (_, honest) => (left-- > 0 ? failure() : honest());
    assert.deepEqual(results(await client.exact(PARIS)), bruteForce(TOWN, PARIS));
    left = 3;
    await assert.rejects(client.exact(PARIS), NearbyError);
    assert.equal(left, 0, 'three tries');
  }
  const { client, origin } = bed();
  origin.instead = () => new Response('', { status: 501 });
  await assert.rejects(client.exact(PARIS), { status: 501 });
  assert.equal(origin.asked.length, 1);
});

test('pauses are random, double, and last as long as the server says', async () => {
  const started = [];
  const { client, origin } = bed({ random: () => 0.5, now: Date.now });
  origin.instead = (_, honest) => {
    started.push(performance.now());
    if (started.length === 3) return honest();
    return new Response('', { status: 503, headers: started.length === 1 ? { 'retry-after': '1' } : {} });
  };
  await client.exact(PARIS);
  const pauses = [started[1] - started[0], started[2] - started[1]];
  assert.ok(pauses[0] >= 1_095 && pauses[1] >= 195 && pauses[1] < 1_000, pauses.join());
  // A pause that is longer than the time left is not begun.
  const hurried = bed();
  hurried.origin.instead = () => new Response('', { status: 503, headers: { 'retry-after': '60' } });
  const start = performance.now();
  await assert.rejects(hurried.client.exact(PARIS, { within: 5_000 }), { status: 503 });
  assert.ok(performance.now() - start < 4_000);
  // As a date, too.
  const dated = bed({ now: () => Date.UTC(2026, 0, 1) });
  const date = 'Thu, 01 Jan 2026 00:01:00 GMT';
  dated.origin.instead = () => new Response('', { status: 503, headers: { 'retry-after': date } });
  await assert.rejects(dated.client.exact(PARIS, { within: 5_000 }), { status: 503 });
  assert.equal(dated.origin.asked.length, 1);
});

test('spoilt cell answers are refused and the exact endpoint is asked', async () => {
  const json = (change) => async (answer) => {
    const document = await answer.json();
    change(document);
    return new Response(JSON.stringify(document), { headers: answer.headers });
  };
  const text = (change) => async (answer) => new Response(change(await answer.text()), { headers: answer.headers });
  const tricks = {
    'cut off': text((body) => body.slice(0, (body.length * 2) / 3)),
    thinned: json(({ features }) => features.pop()),
    shuffled: json(({ features }) => features.reverse()),
    repeated: json(({ features }) => (features[1] = features[0])),
    overstated: json((document) => {
      document.certified_radius_m += 1;
      document.features[0].distance_m = 1;
    }),
    uncertified: json((document) => {
      delete document.certified_radius_m;
      delete document.features[0].distance_m;
    }),
    'not a number': text((body) => body.replace('"coordinates":[', '"coordinates":[NaN,')),
    html: () => new Response("<html>Sign in to the hotel's network</html>"),
    nothing: () => new Response(''),
    'no text': () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    'not modified': () => new Response(null, { status: 304 }),
    unavailable: () => new Response('', { status: 503 }),
    'no connection': () => Promise.reject(new TypeError('reset by peer')),
    'of no end': () => new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(1 << 20)) })),
  };
  for (const [name, trick] of Object.entries(tricks)) {
    const { client, origin } = bed();
    const spoil = async (honest) => trick(await honest());
    origin.instead = (path, honest) => (path.includes('/cells/') ? spoil(honest) : honest());
    const wanted = { ...PARIS, radius: 50_000 };
    const found = await client.nearby(wanted);
    assert.deepEqual(results(found), bruteForce(TOWN, wanted), name);
    assert.deepEqual([outcomes(found), found.cell], [['failed', 'answered'], undefined], name);
    assert.ok(found.requests[0].why.length > 5, name);
    origin.instead = (path, honest) => (/cells|mode=exact/.test(path) ? spoil(honest) : honest());
    await assert.rejects(client.nearby(wanted), NearbyError, name);
  }
});

test('the answer of another cell, category or collection is none', async () => {
  for (const change of [
    (path) => path.replace('gh:u09t', 'gh:u09w'),
    (path) => path.replace('gh:u09t', 'gh:u09'),
    (path) => `${path}?category=inn`,
    (path) => path.replace('/town/', '/crowd/'),
  ]) {
    const { client, origin } = bed();
    origin.instead = (path, honest) => (path.includes('/cells/') ? origin.answer(change(path)) : honest());
    const found = await client.nearby(PARIS);
    assert.deepEqual(results(found), bruteForce(TOWN, PARIS));
    assert.deepEqual(outcomes(found), ['failed', 'answered']);
  }
});

test('an exact answer for somebody else is an error', async () => {
  const { client, origin } = bed();
  let first;
  origin.instead = async (path, honest) => {
    if (!path.includes('mode=exact')) throw new TypeError('down');
    first ??= await (await honest()).text();
    return new Response(first);
  };
  await client.nearby(PARIS);
  await assert.rejects(client.nearby({ ...PARIS, lat: 48.858 }), { reason: 'broken' });
});

test('while nothing can be reached the last answer serves as far as its certificate goes', async () => {
  for (const outage of [
    () => Promise.reject(new TypeError('failed to fetch')),
    () => new Response('', { status: 503 }),
    () => new Promise(() => {}),
  ]) {
    const { client, origin, clock } = bed();
    const village = { name: 'town', places: TOWN.places.slice(0, 60) };
    origin.sites.set('town', village);
    const asked = clock.now;
    await client.nearby(PARIS);
    clock.now += 3_600_000;
    origin.instead = outage;
    // The user has moved, beyond the cell even.
    for (const [lat, lon] of [[48.8566, 2.3522], [48.9, 2.4], [48.7, 2.6]]) {
      const wanted = { ...PARIS, lat, lon, radius: 7_000 };
      const found = await client.nearby(wanted, { within: 100 });
      assert.deepEqual(results(found), bruteForce(village, wanted));
      assert.deepEqual([found.stale, found.asOf, found.cell], [true, asked, 'gh:u09t']);
      assert.ok(found.requests.every(({ outcome }) => outcome === 'failed'));
    }
    for (const wanted of [
      { ...PARIS, lat: 40 },
      { ...PARIS, category: SOME },
      { ...PARIS, collection: 'crowd' },
    ]) {
      await assert.rejects(client.nearby(wanted, { within: 100 }), NearbyError, JSON.stringify(wanted));
    }
    clock.now += 86_400_000;
    await assert.rejects(client.nearby(PARIS, { within: 100 }), NearbyError, 'too old');
  }
});

test('what a server forbids to keep does not serve later', async () => {
  for (const control of ['no-store', 'no-cache, max-age=30', 'max-age=30, must-revalidate']) {
    const { client, origin, clock } = bed();
    origin.headers = { 'cache-control': control };
    await client.nearby(PARIS);
    clock.now += 60_000;
    origin.instead = () => Promise.reject(new TypeError('failed to fetch'));
    await assert.rejects(client.nearby(PARIS), { reason: 'unreachable' }, control);
  }
  const { client, origin } = bed({ offlineFor: 0 });
  origin.headers = { ...origin.headers, age: '40' };
  await client.nearby(PARIS);
  origin.instead = () => Promise.reject(new TypeError('failed to fetch'));
  await assert.rejects(client.nearby(PARIS), { reason: 'unreachable' });
});

/** What `localStorage` is. */
class Storage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => void this.items.set(key, value);
  removeItem = (key) => void this.items.delete(key);
}

test('answers in storage outlive the page', async () => {
  const storage = new Storage();
  const { client, origin, clock } = bed({ storage });
  await client.nearby({ ...PARIS, category: SOME });
  await client.nearby(PARIS);
  const again = new NearbyClient(origin.base, { fetch: origin.fetch, storage, now: () => clock.now });
  assert.deepEqual(outcomes(await again.nearby(PARIS)), ['kept']);
  clock.now += 60_000;
  origin.instead = () => Promise.reject(new TypeError('failed to fetch'));
  const offline = new NearbyClient(origin.base, { fetch: origin.fetch, storage, now: () => clock.now, retries: 0 });
  for (const wanted of [PARIS, { ...PARIS, category: SOME }]) {
    const found = await offline.nearby(wanted);
    assert.deepEqual([results(found), found.stale], [bruteForce(TOWN, wanted), true]);
  }
  const elsewhere = new NearbyClient('http://other.test', { fetch: origin.fetch, storage, retries: 0 });
  await assert.rejects(elsewhere.nearby(PARIS), { reason: 'unreachable' });
});

test('storage is bounded', async () => {
  const storage = new Storage();
  const { client } = bed({ storage });
  const random = chance(5);
  for (let i = 0; i < 80; i++) await client.nearby({ ...PARIS, lat: random.between(40, 60), radius: 100 });
  assert.ok(storage.items.size <= 33 && storage.items.size > 25, `${storage.items.size}`);
});

test('storage that is spoilt, full or forbidden is none', async () => {
  const spoilt = [
    (items) => items.forEach((value, key) => items.set(key, value.slice(0, -9))),
    (items) => items.forEach((value, key) => key.includes('/v1/') && items.set(key, value.replace(/(radius_m\\":)\d+/, '$11'))),
    (items) => items.forEach((value, key) => key.includes('/v1/') && items.set(key, value.replaceAll('u09t', 'u09w'))),
    (items) => items.forEach((value, key) => key.includes('/v1/') && items.set(key, 'null')),
    (items) => items.forEach((value, key) => key.includes('/v1/') && items.delete(key)),
  ];
  for (const spoil of spoilt) {
    const storage = new Storage();
    const { client, origin, clock } = bed({ storage });
    await client.nearby(PARIS);
    spoil(storage.items);
    const again = new NearbyClient(origin.base, { fetch: origin.fetch, storage, now: () => clock.now });
    const found = await again.nearby(PARIS);
    assert.deepEqual([results(found), outcomes(found)], [bruteForce(TOWN, PARIS), ['answered']], String(spoil));
  }
  const refuse = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const { client } = bed({ storage: { getItem: refuse, setItem: refuse, removeItem: refuse } });
  assert.deepEqual(results(await client.nearby(PARIS)), bruteForce(TOWN, PARIS));
  assert.deepEqual(outcomes(await client.nearby(PARIS)), ['kept']);
});

test('limits are those of the OpenAPI document', async () => {
  const { client, origin } = bed();
  const parameters = [
    { name: 'lat' },
    { name: 'radius', schema: { maximum: 50_000, default: 20_000.5 } },
    { name: 'limit', schema: { maximum: 100 } },
  ];
  const document = (parameters) => ({ paths: { '/v1/collections/{collection}/nearby': { get: { parameters } } } });
  const serve = (body) => (origin.instead = () => new Response(JSON.stringify(body)));
  serve(document(parameters));
  assert.deepEqual(await client.limits(), { maxRadius: 50_000, horizon: 20_000.5, maxLimit: 100 });
  for (const body of [{}, null, document([]), document([{ name: 'radius', schema: 7 }]), document(parameters.slice(0, 2))]) {
    serve(body);
    await assert.rejects(client.limits(), { reason: 'broken' });
  }
});

test('many calls at once', async () => {
  const { client } = bed();
  const random = chance(11);
  const all = Array.from({ length: 60 }, () => wantedAt(TOWN, random));
  const found = await Promise.all(all.map((wanted) => client.nearby(wanted)));
  found.forEach((each, index) => assert.deepEqual(results(each), bruteForce(TOWN, all[index])));
});
