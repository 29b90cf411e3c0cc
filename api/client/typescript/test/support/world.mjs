// Places of every kind, people among them, and what brute force finds.

import { compareIds } from '../../dist/refine.js';
import { distance } from '../../dist/sphere.js';
import { chance } from './chance.mjs';

/** The category of nearly a third of the places. */
export const SOME = 'café & bar';

const METRES_PER_DEGREE = 111_195;

/** A position up to so many metres away, most of them near; over the poles and the antimeridian, too. */
export function near(around, spread, random) {
  const degrees = (spread * random.next() ** 3) / METRES_PER_DEGREE;
  const angle = random.between(0, 2 * Math.PI);
  const lat = Math.min(90, Math.max(-90, around.lat + degrees * Math.cos(angle)));
  const lon = around.lon + (degrees * Math.sin(angle)) / Math.max(1e-3, Math.cos((lat * Math.PI) / 180));
  return { lat, lon: ((((lon + 540) % 360) + 360) % 360) - 180 };
}

function scattered(count, position) {
  const random = chance(count);
  return Array.from({ length: count }, (_, index) => {
    const { lat, lon } = position(index, random);
    // Ids in another order than distances, some of them in another order in UTF-16 than in UTF-8.
    const id = ['\u{1d54f}', '\ufb03', 'é/#?', 'Z'][index] ?? `p${(index * 7_919) % 10_007}`;
    return { id, lat, lon, properties: { name: `№ ${index}`, category: random.one([SOME, 'inn', 'museum']) } };
  });
}

function town(name, middle, count = 400) {
  return { name, middle, spread: 60_000, places: scattered(count, (_, random) => near(middle, 250_000, random)) };
}

/** One site of each kind. */
export function sites() {
  const berlin = { lat: 52.52, lon: 13.405 };
  return [
    town('town', { lat: 48.8566, lon: 2.3522 }),
    town('north', { lat: 90, lon: 0 }, 402),
    town('south', { lat: -89.99, lon: 70 }, 403),
    town('antimeridian', { lat: -17.7, lon: 180 }, 404),
    town('west-of-it', { lat: 64.7, lon: -179.99 }, 405),
    // On a pentagon of H3.
    town('pentagon', { lat: 2.300_882, lon: -5.245_39 }, 406),
    // More places on one point than an answer lists, and some beside.
    {
      name: 'crowd',
      middle: berlin,
      spread: 20_000,
      places: scattered(260, (index, random) => (index < 200 ? berlin : near(berlin, 50_000, random))),
    },
    // Distances tie: users stand on it.
    {
      name: 'lattice',
      middle: { lat: 0, lon: 0 },
      spread: 0,
      places: scattered(420, (index) => ({
        lat: (index % 20) * 0.01 - 0.1,
        lon: Math.floor(index / 20) * 0.01 - 0.1,
      })),
    },
    // A town's restaurants.
    {
      name: 'quarter',
      middle: { lat: 40.73, lon: -73.99 },
      spread: 6_000,
      places: scattered(3_000, (_, random) => near({ lat: 40.73, lon: -73.99 }, 8_000, random)),
    },
    { name: 'empty', middle: { lat: -33.87, lon: 151.21 }, spread: 60_000, places: [] },
  ];
}

/** The number next to one, upwards or downwards. */
function beside(value, step) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(step));
  return view.getFloat64(0);
}

/** What a user wants. */
export function wantedAt(site, random) {
  const place = site.places.length > 0 ? random.one(site.places) : site.middle;
  const position = random.one([near(site.middle, site.spread, random), near(site.middle, site.spread, random), place]);
  const { lat, lon } = position;
  // Exactly as far as some place is, or the smallest step more or less.
  const boundary = Math.max(beside(distance(position, place) || 1, random.whole(-1, 1)), 1e-3);
  const radius = random.one([10 ** random.between(1, 5.3), 10 ** random.between(3, 4.7), Math.min(boundary, 200_000)]);
  const category = random.one([undefined, undefined, SOME, 'micro', "nobody's"]);
  return { collection: site.name, lat, lon, radius, limit: random.one([20, random.whole(1, 100)]), category };
}

/** Ids and distances, as a scan of all places finds them. */
export function bruteForce({ places }, { lat, lon, radius, limit = 20, category }) {
  return places
    .filter((place) => category === undefined || place.properties.category === category)
    .map((place) => [place.id, distance({ lat, lon }, place)])
    .filter(([, metres]) => metres <= radius)
    .sort((a, b) => a[1] - b[1] || compareIds(a[0], b[0]))
    .slice(0, limit);
}

/** Ids and distances. */
export function results({ hits }) {
  return hits.map(({ id, distance }) => [id, distance]);
}
