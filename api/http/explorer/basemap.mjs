// Land and borders of Natural Earth (1:50 million, public domain), simplified and written as a short text.
//
// Two lists, rings of land and lines of borders: how many; for each, how many points; for each point, how far it is from
// the one before, in hundredths of a degree. Numbers are zigzag varints, the bytes are in base64.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { merge, mesh } from 'topojson-client';
import { filter, filterWeight, presimplify, simplify } from 'topojson-simplify';

/** Corners that make up less than this, in square degrees, are left out: some 10 km either way. */
const LEAST = 0.01;
const PER_DEGREE = 100;

export function basemap() {
  const file = createRequire(import.meta.url).resolve('world-atlas/countries-50m.json');
  let world = simplify(presimplify(JSON.parse(readFileSync(file, 'utf8'))), LEAST);
  world = filter(world, filterWeight(world, LEAST));
  const { countries } = world.objects;
  const land = merge(world, countries.geometries).coordinates.flat();
  const borders = mesh(world, countries, (a, b) => a !== b).coordinates;
  const bytes = [];
  for (const lines of [land, borders]) {
    put(bytes, lines.length);
    lines.forEach((line) => putLine(bytes, line));
  }
  return Buffer.from(bytes).toString('base64');
}

function putLine(bytes, line) {
  const whole = line.map((point) => point.map((degrees) => Math.round(degrees * PER_DEGREE)));
  const points = whole.filter(([x, y], i) => i === 0 || x !== whole[i - 1][0] || y !== whole[i - 1][1]);
  put(bytes, points.length);
  points.forEach(([x, y], i) => {
    const [left, below] = points[i - 1] ?? [0, 0];
    put(bytes, x - left);
    put(bytes, y - below);
  });
}

function put(bytes, number) {
  let rest = number < 0 ? -2 * number - 1 : 2 * number;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
}
