// What clients in every language must compute, bit for bit: api/client/vectors/, and the URLs of infra/edge/vectors.json.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANSWER_MAX, cellOf, DEFAULT_PRECISION, geohash } from '../dist/cells.js';
import { parseMap, precisionAt } from '../dist/density.js';
import { Fault } from '../dist/errors.js';
import { lifetime } from '../dist/fresh.js';
import { Planner, PlannerMemory } from '../dist/planner.js';
import { cellAnswer, exactAnswer } from '../dist/read.js';
import { distance } from '../dist/sphere.js';
import { cellPath, check } from '../dist/wanted.js';
import { vectors } from './support/vectors.mjs';
import { bruteForce, results } from './support/world.mjs';

test('distances have the same bits', () => {
  const { cases } = vectors('distances');
  assert.ok(cases.length > 1_000);
  for (const [aLat, aLon, bLat, bLon, metres] of cases) {
    const [a, b] = [{ lat: aLat, lon: aLon }, { lat: bLat, lon: bLon }];
    assert.equal(distance(a, b), metres, `${aLat} ${aLon} ${bLat} ${bLon}`);
    assert.equal(distance(b, a), metres, 'symmetric');
  }
});

test('plans ask for the same cells and find the same', () => {
  const { worlds, cases } = vectors('plans');
  const sites = {};
  for (const [name, id, lat, lon] of worlds) {
    (sites[name] ??= { places: [] }).places.push({ id, lat, lon, properties: {} });
  }
  for (const { world, hint, asks, again, exact, hits, radius_m: radius, ...position } of cases) {
    const site = sites[world] ?? { places: [] };
    const query = { ...position, radius };
    const memory = new PlannerMemory();
    const first = follow(site, query, hint ?? undefined, memory);
    assert.deepEqual(first.asked, asks, JSON.stringify(query));
    assert.deepEqual(first.hits && results(first), exact ? undefined : hits);
    assert.deepEqual(follow(site, query, hint ?? undefined, memory).asked, again, 'what worked is remembered');
  }
});

function follow(site, query, hint, memory) {
  const planner = new Planner(query, 'places', hint, memory);
  const asked = [];
  for (let cell = planner.first; ; ) {
    asked.push(cell.name);
    const all = bruteForce(site, { ...cell.centre, radius: cell.horizon, limit: ANSWER_MAX + 1 });
    const listed = all.slice(0, ANSWER_MAX);
    const certified = all.length > ANSWER_MAX ? Math.floor(listed.at(-1)[1]) : cell.horizon;
    const places = listed.map(([id]) => site.places.find((place) => place.id === id));
    const step = planner.answered({ cell, certified, places });
    if (!step?.next) return { asked, hits: step?.hits };
    cell = step.next;
  }
}

test('answers are taken and refused', () => {
  const { url, good, cases, texts } = vectors('answers');
  const cell = cellOf(url.cell.slice(3));
  const path = cellPath(url.collection, url.cell, undefined);
  const read = (body, category) => cellAnswer(body, cell, cellPath(url.collection, url.cell, category), category);
  const answer = read(JSON.stringify(good));
  assert.deepEqual(answer.places.map(({ id }) => id), ['a', 'b', 'c']);
  assert.equal(path, good.links[0].href);
  assertCases(good, cases, (body) => read(body));
  for (const text of [...texts, '['.repeat(100_000), '\ufeff' + JSON.stringify(good)]) {
    assert.throws(() => read(text), Fault, text.slice(0, 60));
  }
  assert.throws(() => read(JSON.stringify(good), 'bar'), /is for/);
  const { links, numberReturned, ...bare } = good;
  assert.equal(read(JSON.stringify(bare), 'bar').places.length, 3);
  bare.features[1].properties.category = 'café';
  assert.throws(() => read(JSON.stringify(bare), 'bar'), /the place `b` is of another category/);
});

test('exact answers are for the position that was asked for', () => {
  const { wanted, exact, exact_cases: cases, good } = vectors('answers');
  const asked = check({ ...wanted, radius: wanted.radius_m });
  const hits = exactAnswer(JSON.stringify(exact), asked);
  assert.deepEqual(hits.map(({ distance }) => distance), exact.features.map(({ distance_m }) => distance_m));
  assertCases(exact, cases, (body) => exactAnswer(body, asked));
  assert.throws(() => exactAnswer(JSON.stringify(exact), { ...asked, limit: 2 }), /3 places instead of 2/);
  assert.throws(() => exactAnswer(JSON.stringify(good), asked), Fault);
});

/** Asserts that what becomes of a document is taken or refused as a list of cases says. */
function assertCases(good, cases, read) {
  assert.ok(cases.length > 5);
  for (const { at, value, error } of cases) {
    let document = structuredClone(good);
    const names = at.split('/').slice(1);
    const last = names.pop();
    if (last === undefined) document = value;
    else names.reduce((member, name) => member[name], document)[last] = value;
    const body = JSON.stringify(document);
    if (error === null) read(body);
    else assert.throws(() => read(body), (fault) => fault instanceof Fault && fault.message.includes(error), `${at} ${error}`);
  }
}

test('answers are fresh for their max-age less their age', () => {
  for (const { headers, seconds } of vectors('lifetimes').cases) {
    const { fresh } = lifetime(new Headers(headers));
    assert.equal(fresh > 0 ? fresh : null, seconds, JSON.stringify(headers));
  }
});

test('density maps say the same', () => {
  for (const { document, cells } of vectors('maps').cases) {
    const map = parseMap(document);
    for (const [cell, precision] of Object.entries(cells)) {
      assert.equal(precisionAt(map, cellOf(cell).centre) ?? null, precision, `${document} ${cell}`);
    }
  }
  assert.equal(parseMap(JSON.stringify({ rows: { u0: '5'.repeat(32) }, more: 'x'.repeat(1 << 20) })).size, 0);
  assert.equal(parseMap('['.repeat(100_000)).size, 0);
});

test('cells have canonical URLs', () => {
  const { stores, cases } = vectors('edge');
  let seen = 0;
  for (const { path, query, store, uri, canonical_query: canonical } of cases) {
    const position = /^\/v1\/collections\/([a-z0-9_-]+)\/nearby$/.exec(path);
    if (!uri || !position) continue;
    const given = new URLSearchParams(query);
    const at = { lat: Number(given.get('lat')), lon: Number(given.get('lon')) };
    const rows = Object.entries(stores[store]).filter(([key]) => key.startsWith(`${position[1]}:`));
    const map = parseMap(JSON.stringify({ rows: Object.fromEntries(rows.map(([key, row]) => [key.slice(key.indexOf(':') + 1), row])) }));
    const precision = Number(given.get('precision')) || precisionAt(map, at) || DEFAULT_PRECISION;
    const cell = `gh:${geohash(at, precision)}`;
    const ours = cellPath(position[1], cell, given.get('category') ?? undefined);
    assert.equal(ours, canonical ? `${uri}?${canonical}` : uri, `${path}?${query}`);
    seen++;
  }
  assert.ok(seen > 500, `${seen} cases`);
});
