// Density maps: which precision to try first. Whatever is wrong with one costs tries and nothing else.

import { COARSEST, geohash, lastDigit } from './cells.js';
import type { Position } from './sphere.js';

/** Longest document that is looked at. */
const MAX_DOCUMENT_CHARS = 1 << 20;
/** Maps that are kept. */
const MAX_MAPS = 64;
/** When to ask again if the server does not say, or has no map, in milliseconds. */
const USUAL_MS = 300_000;
/** When to ask again after a failure, and no sooner in any case. */
const SOON_MS = 30_000;

/** The rows of a map: 32 digits under each geohash-2 key. */
export type DensityMap = ReadonlyMap<string, string>;

/** What a client makes of an edge map, whoever sent it: what is no row is passed over. */
export function parseMap(document: string): DensityMap {
  const map = new Map<string, string>();
  if (document.length > MAX_DOCUMENT_CHARS) return map;
  try {
    const rows: unknown = JSON.parse(document)?.rows;
    if (typeof rows !== 'object' || rows === null || Array.isArray(rows)) return map;
    for (const [key, digits] of Object.entries(rows)) {
      const sound = /^[0-9b-hjkmnp-z]{2}$/.test(key) && typeof digits === 'string' && /^[03-7]{32}$/.test(digits);
      if (sound) map.set(key, digits);
    }
  } catch {
    // No document, no rows.
  }
  return map;
}

/** The precision that a map notes for a position. */
export function precisionAt(map: DensityMap, position: Position): number | undefined {
  const cell = geohash(position, COARSEST);
  return Number(map.get(cell.slice(0, 2))?.charAt(lastDigit(cell))) || undefined;
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
