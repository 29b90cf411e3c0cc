// Cache cells: geohashes of precision 3 to 7, each with a horizon (docs/EDGE.md, "Cache cells").

import type { Position } from './sphere.js';

const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz';

/** The coarsest precision. */
export const COARSEST = 3;
/** The finest precision. */
export const FINEST = 7;
/** The precision to begin with where nothing is known of the density of places. */
export const DEFAULT_PRECISION = 4;
/** Most places in a cell's answer. */
export const ANSWER_MAX = 128;

const HORIZONS_KM = [200, 100, 50, 25, 15];

/** A cell that answers are cached for. */
export interface Cell {
  /** As in URLs: `gh:u09t`. */
  readonly name: string;
  /** Geohash precision, 3 to 7. */
  readonly precision: number;
  /** The middle of its latitudes and of its longitudes, from which its answer is measured. */
  readonly centre: Position;
  /** How far from the centre the places of its answer are looked for, in metres. */
  readonly horizon: number;
}

/** The geohash of a position. What lies on a border belongs to the cell north or east of it. */
export function geohash(position: Position, precision: number): string {
  return bisect(precision, (_, axis, middle) => (axis ? position.lat : position.lon) >= middle).text;
}

/** The cell of a position. */
export function cellAt(position: Position, precision: number): Cell {
  return cellOf(geohash(position, precision));
}

/** The cell of a geohash of precision 3 to 7. */
export function cellOf(text: string): Cell {
  const precision = text.length;
  const { centre } = bisect(precision, (bit) => {
    const digit = ALPHABET.indexOf(text.charAt(Math.floor(bit / 5)));
    return ((digit >> (4 - (bit % 5))) & 1) === 1;
  });
  return { name: `gh:${text}`, precision, centre, horizon: HORIZONS_KM[precision - COARSEST]! * 1000 };
}

/** The value of a letter of a geohash, the first at 0: which of 32 children it names. */
export function digitAt(text: string, at: number): number {
  return ALPHABET.indexOf(text.charAt(at));
}

/** Halves the ranges of longitude and latitude in turn; all middles are exact. */
function bisect(precision: number, isUpper: (bit: number, axis: 0 | 1, middle: number) => boolean) {
  const low: [number, number] = [-180, -90];
  const high: [number, number] = [180, 90];
  let text = '';
  for (let bit = 0, digit = 0; bit < 5 * precision; bit++) {
    const axis = bit % 2 === 0 ? 0 : 1;
    const middle = (low[axis] + high[axis]) / 2;
    const upper = isUpper(bit, axis, middle);
    (upper ? low : high)[axis] = middle;
    digit = 2 * digit + (upper ? 1 : 0);
    if (bit % 5 === 4) {
      text += ALPHABET.charAt(digit);
      digit = 0;
    }
  }
  const centre: Position = { lat: (low[1] + high[1]) / 2, lon: (low[0] + high[0]) / 2 };
  return { text, centre };
}
