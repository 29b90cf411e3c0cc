// Density maps: which precision to try first. Whatever is wrong with one costs tries and nothing else.

import { DEFAULT_PRECISION, digitAt, FINEST, geohash } from './cells.js';
import type { Position } from './sphere.js';

/** Longest document that is looked at. */
const MAX_DOCUMENT_CHARS = 1 << 20;
/** Maps that are kept. */
const MAX_MAPS = 64;
/** When to ask again if the server does not say, or has no map, in milliseconds. */
const USUAL_MS = 300_000;
/** When to ask again after a failure, and no sooner in any case. */
const SOON_MS = 30_000;

/** A row under a geohash-2 cell: a mark for each child. */
const COARSE = /^[03-7x]{32}$/;
/** A row under a geohash-4 cell: one digit, or a mark for each child, and seven letters of bits for each `x`. */
const FINE = /^(?:[5-7]|[5-7x]{32}(?:[0-9b-hjkmnp-z]{7})*)$/;

/** The rows of a map (docs/EDGE.md, "Density map"), under geohash-2 and geohash-4 cells. */
export type DensityMap = ReadonlyMap<string, string>;

/** What a client makes of an edge map, whoever sent it: what is no row is passed over. */
export function parseMap(document: string): DensityMap {
  const map = new Map<string, string>();
  if (document.length > MAX_DOCUMENT_CHARS) return map;
  try {
    const rows: unknown = JSON.parse(document)?.rows;
    if (typeof rows !== 'object' || rows === null || Array.isArray(rows)) return map;
    for (const [key, row] of Object.entries(rows)) {
      if (/^(?:[0-9b-hjkmnp-z]{2}){1,2}$/.test(key) && typeof row === 'string' && isRow(key, row)) map.set(key, row);
    }
  } catch {
    // No document, no rows.
  }
  return map;
}

function isRow(key: string, row: string): boolean {
  return key.length === 2 ? COARSE.test(row) : FINE.test(row) && (row.length === 1 || row.length === bitsOf(row, 32));
}

/** Where in a row under a geohash-4 cell the bits of a child begin. */
function bitsOf(row: string, child: number): number {
  return 32 + 7 * (row.slice(0, child).split('x').length - 1);
}

/** The precision that a map notes for a position. */
export function precisionAt(map: DensityMap, position: Position): number | undefined {
  const cell = geohash(position, FINEST);
  const mark = map.get(cell.slice(0, 2))?.charAt(digitAt(cell, 2));
  if (mark !== 'x') return Number(mark) || undefined;
  const row = map.get(cell.slice(0, 4));
  return row === undefined ? DEFAULT_PRECISION : finePrecision(row, cell);
}

/** What a row under a geohash-4 cell says of a cell of precision 6 or finer. */
function finePrecision(row: string, cell: string): number {
  if (row.length === 1) return Number(row);
  const child = digitAt(cell, 4);
  const mark = row.charAt(child);
  if (mark !== 'x') return Number(mark);
  const bit = digitAt(cell, 5);
  const bits = digitAt(row, bitsOf(row, child) + Math.floor(bit / 5));
  return 6 + ((bits >> (bit % 5)) & 1);
}

/** The maps in memory. */
export class Hints {
  private readonly maps = new Map<string, { map: DensityMap; askAgain: number }>();

  precision(collection: string, position: Position): number | undefined {
    const known = this.maps.get(collection);
    return known && precisionAt(known.map, position);
  }

  /** Whether to ask for the map now. Whoever is told so is the only one for a while. */
  isDue(collection: string, now: number): boolean {
    const known = this.maps.get(collection);
    if (known && now < known.askAgain) return false;
    this.maps.delete(collection);
    this.maps.set(collection, { map: known?.map ?? new Map(), askAgain: now + SOON_MS });
    for (const oldest of this.maps.keys()) {
      if (this.maps.size > MAX_MAPS) this.maps.delete(oldest);
    }
    return true;
  }

  /** Takes what came of it: a body and for how long it is fresh, or none. */
  learn(collection: string, status: number, body: string, freshMs: number, now: number): void {
    if (status === 200) {
      const lifetime = freshMs > 0 ? freshMs : USUAL_MS;
      this.maps.set(collection, { map: parseMap(body), askAgain: now + Math.max(lifetime, SOON_MS) });
    } else if (status === 404) {
      this.maps.set(collection, { map: new Map(), askAgain: now + USUAL_MS });
    }
  }
}
