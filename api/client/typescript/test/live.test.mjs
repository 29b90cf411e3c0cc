// Whatever a client finds on a real server equals brute force and the exact endpoint, in set, order and every bit of
// the distances. `CELLAR_BINARY` names the server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { NearbyClient } from '../dist/index.js';
import { chance } from './support/chance.mjs';
import { cellar, dataDirectory, edge, load, serve } from './support/server.mjs';
import { bruteForce, results, sites, SOME, wantedAt } from './support/world.mjs';

/** Of each site. */
const USERS = 30;
const WITHIN = { within: 60_000 };

const SITES = sites();
const data = dataDirectory();
let server;

before(async () => {
  server = await serve(data.path);
  for (const site of SITES) await load(server.base, site);
  await cellar('edge-map', '--collection', 'quarter', '--data', data.path);
});

after(async () => {
  await server.stop();
  data.remove();
});

/** Ids and distances as the exact endpoint states them. */
async function stated(base, { collection, lat, lon, radius, limit, category }) {
  const query = new URLSearchParams({ lat, lon, radius, limit, mode: 'exact', ...(category && { category }) });
  const answer = await fetch(`${base}/v1/collections/${collection}/nearby?${query}`);
  assert.equal(answer.status, 200);
  return (await answer.json()).features.map(({ id, distance_m: metres }) => [id, metres]);
}

test('every answer equals brute force and the exact endpoint, to the last bit', async () => {
  const by = { 'first cell': 0, 'more cells': 0, exact: 0, empty: 0 };
  for (const site of SITES) {
    const experienced = new NearbyClient(server.base);
    for (let user = 0; user < USERS; user++) {
      const wanted = wantedAt(site, chance(user));
      const truth = bruteForce(site, wanted);
      assert.deepEqual(await stated(server.base, wanted), truth, `${site.name}: ${JSON.stringify(wanted)}`);
      // One that knows nothing, and one that remembers what worked and keeps answers.
      for (const client of [new NearbyClient(server.base), experienced]) {
        const found = await client.nearby(wanted, WITHIN);
        assert.deepEqual(results(found), truth, `${site.name}, user ${user}: ${JSON.stringify(wanted)}`);
        assert.ok(found.requests.every(({ outcome }) => outcome !== 'failed'), JSON.stringify(found.requests));
        assert.equal(found.stale, false);
        by[!found.cell ? 'exact' : found.requests.length === 1 ? 'first cell' : 'more cells']++;
        by.empty += found.hits.length === 0 ? 1 : 0;
      }
    }
  }
  console.log(by);
  const all = SITES.length * USERS * 2;
  assert.ok(by['first cell'] > all / 2 && by['more cells'] > all / 50 && by.exact > all / 50);
  assert.ok(by.empty > all / 10 && by.empty < (all * 3) / 4);
});

test('through an edge answers are as exact, and say how old they are', async () => {
  const origin = await serve(data.path);
  const front = await edge(origin.base);
  try {
    const random = chance(77);
    const all = SITES.flatMap((site) => [0, 1, 2].map(() => [site, wantedAt(site, random)]));
    let hits = 0;
    for (const turn of ['fill', 'hit', 'while the origin is gone']) {
      if (turn === 'while the origin is gone') {
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        await origin.stop();
      }
      for (const [site, wanted] of all) {
        const found = await new NearbyClient(front.base, { retries: 0 }).nearby(wanted, WITHIN).catch((error) => error);
        // What no cell vouches for needs the origin.
        if (turn === 'while the origin is gone' && found instanceof Error) continue;
        assert.deepEqual(results(found), bruteForce(site, wanted), `${turn}: ${JSON.stringify(wanted)}`);
        const [{ cell, cacheStatus, age }] = found.requests;
        if (turn === 'fill' || !cell || !/hit/.test(cacheStatus.split(', ').at(-1))) continue;
        assert.ok(age >= (turn === 'hit' ? 0 : 1), `${age} s`);
        hits++;
      }
    }
    assert.ok(hits > all.length, `${hits} hits`);
  } finally {
    await front.stop();
    await origin.stop();
  }
});

test('properties come as they were stored, and ids of any script', async () => {
  const town = SITES[0];
  const client = new NearbyClient(server.base);
  const wanted = { collection: 'town', lat: 48.8566, lon: 2.3522, radius: 200_000, limit: 100 };
  for (const found of [await client.nearby(wanted, WITHIN), await client.exact(wanted, WITHIN)]) {
    for (const { distance, ...hit } of found.hits) {
      assert.deepEqual(hit, town.places.find(({ id }) => id === hit.id));
    }
  }
  const odd = town.places[0];
  const at = { collection: 'town', lat: odd.lat, lon: odd.lon, radius: 1, limit: 1 };
  assert.equal((await client.nearby(at, WITHIN)).hits[0].id, odd.id);
});

test('the density map of a server is used', async () => {
  const client = new NearbyClient(server.base);
  const wanted = { collection: 'quarter', lat: 40.73, lon: -73.99, radius: 500 };
  const found = await client.nearby(wanted, WITHIN);
  assert.deepEqual(results(found), bruteForce(SITES.find(({ name }) => name === 'quarter'), wanted));
  const [{ cell }] = found.requests;
  assert.ok(cell.length > 'gh:dr5r'.length, `${cell} is no finer than without a map`);
});

test('a server of smaller limits says them and refuses what is beyond', async () => {
  const smaller = await serve(data.path, { CELLAR_MAX_RADIUS_M: '20000', CELLAR_HORIZON_M: '5000' });
  try {
    const client = new NearbyClient(smaller.base);
    const limits = await client.limits(WITHIN);
    assert.deepEqual(limits, { maxRadius: 20_000, horizon: 5_000, maxLimit: 100 });
    assert.equal((await new NearbyClient(server.base).limits(WITHIN)).maxRadius, 200_000);
    let refused = 0;
    for (const site of SITES) {
      for (let user = 0; user < 12; user++) {
        const random = chance(1_000 + user);
        const usual = wantedAt(site, random);
        const wanted = user % 2 === 0 ? usual : { ...usual, radius: random.between(20_001, 200_000) };
        const truth = bruteForce(site, wanted);
        const found = await client.nearby(wanted, WITHIN).catch((error) => error);
        if (found instanceof Error) {
          assert.deepEqual([found.reason, found.status, found.problem?.parameter], ['refused', 400, 'radius']);
          assert.ok(wanted.radius > limits.maxRadius, found.message);
          assert.match(found.problem.allowed, /20000/);
          refused++;
        } else {
          assert.deepEqual(results(found), truth, JSON.stringify(wanted));
        }
      }
    }
    assert.ok(refused > 3, `${refused} refused`);
  } finally {
    await smaller.stop();
  }
});

test('problems come as the server tells them', async () => {
  const client = new NearbyClient(server.base);
  const wanted = { collection: 'town', lat: 1, lon: 2, radius: 5_000 };
  await assert.rejects(client.nearby({ ...wanted, collection: 'nowhere' }, WITHIN), (error) => {
    assert.deepEqual([error.reason, error.status, error.problem.status], ['refused', 404, 404]);
    return error.problem.type.endsWith('collection-unknown') && error.message.includes(error.problem.detail);
  });
  // What no server takes is not sent.
  for (const category of ['x'.repeat(201), '', 'a,,b', 'a\nb', 'a,b,c,d,e,f,g,h,i']) {
    await assert.rejects(client.nearby({ ...wanted, category }, WITHIN), { reason: 'invalid' });
  }
});

test('a server that is gone is an error, or its last answer', async () => {
  const gone = await serve(data.path);
  const client = new NearbyClient(gone.base);
  const wanted = { collection: 'empty', lat: -33.87, lon: 151.21, radius: 5_000, category: SOME };
  const found = await client.nearby(wanted, WITHIN);
  assert.deepEqual([found.hits, found.stale], [[], false]);
  await gone.stop();
  await assert.rejects(new NearbyClient(gone.base).nearby(wanted), { reason: 'unreachable' });
  const later = await client.nearby({ ...wanted, lat: -33.9, radius: 6_000 });
  assert.deepEqual([later.hits, later.cell], [[], found.cell]);
});
