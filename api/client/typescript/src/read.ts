// From bodies to answers that results may rest on.
//
// An answer is taken only for what was asked: its own URL, its own cell, distances from the right position. What no
// server sends by the rules of docs/EDGE.md is a `Fault`; whether it lists all that it should is the server's word.

import type { Cell } from './cells.js';
import { excerpt, Fault } from './errors.js';
import { type CellAnswer, compareIds, type Hit, type Place, SLACK_M } from './refine.js';
import { distance, isPosition, type Position } from './sphere.js';
import type { Asked } from './wanted.js';

const MAX_ID_BYTES = 512;

type Members = Record<string, unknown>;

/** A place as it was listed, and the distance that was said of it. */
type Listed = Place & { readonly stated: unknown };

/** Reads the answer of a cell, which was asked for by a path. */
export function cellAnswer(body: string, cell: Cell, path: string, category: string | undefined): CellAnswer {
  const document = parse(body);
  if (document.cell !== cell.name) {
    if (!isAbsent(document.cell) && typeof document.cell !== 'string') throw noDocument('expected a cell');
    throw other(cell.name, String(document.cell ?? ''));
  }
  for (const link of list(document.links ?? [], 'links').map(members)) {
    if (typeof link.href !== 'string') throw noDocument('expected links');
    if (link.rel === 'self' && link.href !== path) throw other(path, link.href);
  }
  const places = placesOf(document, category);
  const last = checkOrder(places, cell.centre, cell.horizon);
  const certified = certificate(document.certified_radius_m, cell, last, places.length);
  return { cell, certified, places: places.map(plain) };
}

/** Reads the answer of the exact endpoint. */
export function exactAnswer(body: string, asked: Asked): Hit[] {
  const places = placesOf(parse(body), asked.category);
  if (places.length > asked.limit) throw count(asked.limit, places.length);
  checkOrder(places, asked, asked.radius);
  return places.map((place) => {
    const metres = distance(asked, place);
    if (typeof place.stated !== 'number' || !(Math.abs(place.stated - metres) <= SLACK_M)) {
      throw misplaced(place.id, 'is not as far away as it says');
    }
    return { ...plain(place), distance: metres };
  });
}

/** A certificate that goes with the list: the horizon, or where the list ends, in whole metres. */
function certificate(stated: unknown, cell: Cell, last: number | undefined, places: number): number {
  if (!isAbsent(stated) && typeof stated !== 'number') throw noDocument('expected a certificate in metres');
  if (typeof stated === 'number' && Number.isInteger(stated) && stated >= 0) {
    // Other servers may have found another last digit of the distance of the last place.
    const endsThere = (end: number) => stated >= Math.floor(end - SLACK_M) && stated <= Math.floor(end + SLACK_M);
    if (stated === cell.horizon || (stated < cell.horizon && last !== undefined && endsThere(last))) return stated;
  }
  throw new Fault(`a certificate of ${stated ?? 'no'} m does not go with its ${places} places`);
}

/** Checks that places are nearest first, ties by id, each once and within a distance. The last distance. */
function checkOrder(places: readonly Listed[], from: Position, within: number): number | undefined {
  const seen = new Set<string>();
  let before: { id: string; metres: number } | undefined;
  for (const place of places) {
    const { id } = place;
    const metres = distance(from, place);
    if (seen.has(id)) throw misplaced(id, 'is there twice');
    seen.add(id);
    if (metres > within + SLACK_M) throw misplaced(id, 'is too far away');
    if (before) {
      const tie = metres === before.metres && compareIds(id, before.id) < 0;
      if (!(metres + SLACK_M > before.metres) || tie) throw misplaced(id, 'is out of order');
    }
    before = { id, metres };
  }
  return before?.metres;
}

function parse(body: string): Members {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch (error) {
    throw noDocument(String(error));
  }
  const read = members(document);
  if (read.type !== 'FeatureCollection') throw noDocument('expected a FeatureCollection');
  return read;
}

function placesOf(document: Members, category: string | undefined): Listed[] {
  const features = list(document.features, 'features');
  const stated = document.numberReturned;
  if (!isAbsent(stated)) {
    if (typeof stated !== 'number' || !Number.isInteger(stated) || stated < 0) throw noDocument('expected a number');
    if (stated !== features.length) throw count(stated, features.length);
  }
  return features.map((feature) => listed(members(feature), category));
}

function listed(feature: Members, category: string | undefined): Listed {
  const { id, distance_m: stated } = feature;
  const { type, coordinates } = members(feature.geometry);
  if (feature.type !== 'Feature' || type !== 'Point') throw noDocument('expected Features that are Points');
  const [lon, lat, ...more] = list(coordinates, 'coordinates');
  if (!isPosition(lat, lon) || more.length > 0) throw noDocument('expected longitude and latitude');
  const properties = feature.properties === null ? {} : members(feature.properties);
  if (typeof id !== 'string') throw noDocument('expected ids');
  if (!isId(id)) throw misplaced(id, 'has no id that a place can have');
  if (category !== undefined && properties.category !== category) throw misplaced(id, 'is of another category');
  return { id, lat: (lat as number) + 0, lon: (lon as number) + 0, properties, stated };
}

function isId(id: string): boolean {
  const sound = id !== '' && id !== '.' && id !== '..' && !/[\p{Cc}\p{Cs}]/u.test(id);
  return sound && new TextEncoder().encode(id).length <= MAX_ID_BYTES;
}

function plain({ id, lat, lon, properties }: Place): Place {
  return { id, lat, lon, properties };
}

function members(value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw noDocument('expected an object');
  return value as Members;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw noDocument(`expected ${name}`);
  return value;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function noDocument(why: string): Fault {
  return new Fault(`it is no such document: ${excerpt(why)}`);
}

function other(asked: string, served: string): Fault {
  return new Fault(`it was asked for ${asked} and is for ${excerpt(served)}`);
}

function count(stated: number, found: number): Fault {
  return new Fault(`${found} places instead of ${stated}`);
}

function misplaced(id: string, what: string): Fault {
  return new Fault(`the place \`${excerpt(id)}\` ${what}`);
}
