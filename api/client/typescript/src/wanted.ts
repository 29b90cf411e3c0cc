// What a user wants.

import { NearbyError } from './errors.js';
import type { Query } from './refine.js';
import { isPosition } from './sphere.js';

/** Most places of one call; servers take no more. */
export const MAX_LIMIT = 100;
const DEFAULT_LIMIT = 20;
/** Most categories of one call, and bytes of each; servers take no more. */
const MAX_CATEGORIES = 8;
const MAX_CATEGORY_BYTES = 200;

/** The places nearest to a user. */
export interface Wanted {
  /** Name of the collection. */
  readonly collection: string;
  /** Latitude of the user, in degrees. */
  readonly lat: number;
  /** Longitude of the user, in degrees. */
  readonly lon: number;
  /** Places farther than this are left out, in metres. */
  readonly radius: number;
  /** At most this many places, 1 to 100; 20 if left out. */
  readonly limit?: number;
  /**
   * Only places of this category, or of one of several between commas; `!` before the first leaves them out instead. A
   * backslash before a comma, a backslash or a `!` makes it part of a category.
   */
  readonly category?: string | undefined;
}

/** A checked `Wanted`. */
export interface Asked extends Query {
  readonly collection: string;
  readonly category: string | undefined;
  /** What decides which places are searched. Requests of one scope learn from each other. */
  readonly scope: string;
}

/** Refuses what the exact endpoint of any server refuses; the largest radius is the server's own. */
export function check(wanted: Wanted): Asked {
  const { collection, radius, limit = DEFAULT_LIMIT } = wanted;
  const must = (holds: boolean, parameter: string, allowed: string) => {
    if (!holds) throw new NearbyError('invalid', `\`${parameter}\` must be ${allowed}`);
  };
  must(/^[a-z0-9][a-z0-9_-]{0,63}$/.test(collection), 'collection', '1 to 64 of a-z, 0-9, - and _');
  must(isPosition(wanted.lat, 0), 'lat', 'a number from -90 to 90');
  must(isPosition(0, wanted.lon), 'lon', 'a number from -180 to 180');
  must(Number.isFinite(radius) && radius > 0, 'radius', 'more than 0 metres');
  must(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT, 'limit', `1 to ${MAX_LIMIT}`);
  const category = wanted.category === undefined ? undefined : canonicalCategory(wanted.category);
  must(category !== null, 'category', `1 to ${MAX_CATEGORIES} texts of 1 to ${MAX_CATEGORY_BYTES} bytes between commas`);
  // Adding zero turns -0 into 0.
  const [lat, lon] = [wanted.lat + 0, wanted.lon + 0];
  return { collection, lat, lon, radius, limit, category: category!, scope: `${collection} ${category ?? ''}` };
}

/** The one spelling of a category filter that servers and caches know (docs/EDGE.md); `null` if it is none. */
export function canonicalCategory(filter: string): string | null {
  if (/[\p{Cc}\p{Cs}]/u.test(filter)) return null;
  const text = trim(filter);
  const not = text.startsWith('!') ? '!' : '';
  const names = [''];
  text.slice(not.length).replace(/\\([,!\\])|(,)|[\s\S]/g, (all, escaped?: string, comma?: string) => {
    if (comma) names.push('');
    else names[names.length - 1] += escaped ?? all;
    return '';
  });
  const sorted = [...new Set(names.map((name) => escape(trim(name))))].sort();
  const bytes = (encoded: string) => encoded.replace(/%../g, '.').length;
  if (sorted.length > MAX_CATEGORIES || sorted.some((name) => bytes(name) < 1 || bytes(name) > MAX_CATEGORY_BYTES)) return null;
  return not + sorted.map((name) => decodeURIComponent(name).replace(/[,\\]|^!/g, '\\$&')).join(',');
}

function trim(text: string): string {
  return text.replace(/^ +| +$/g, '');
}

/** The path of a collection. */
function collectionPath(collection: string): string {
  return `/v1/collections/${collection}`;
}

/** The canonical path of a cell's answer. */
export function cellPath(collection: string, cell: string, category: string | undefined): string {
  const canonical = category === undefined ? undefined : (canonicalCategory(category) ?? category);
  const query = canonical === undefined ? '' : `?category=${escape(canonical)}`;
  return `${collectionPath(collection)}/cells/${cell}/nearby${query}`;
}

/** The path of an exact search. Numbers are written so that they read back as the same. */
export function exactPath({ collection, lat, lon, radius, limit, category }: Asked): string {
  const filter = category === undefined ? '' : `&category=${escape(category)}`;
  return `${collectionPath(collection)}/nearby?lat=${lat}&lon=${lon}&radius=${radius}&limit=${limit}${filter}&mode=exact`
    .replace(/e\+/g, 'e%2B');
}

/** The path of a collection's density map. */
export function mapPath(collection: string): string {
  return `${collectionPath(collection)}/edge-map`;
}

/** All but letters, digits and `-._~` percent-encoded, in upper case. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
