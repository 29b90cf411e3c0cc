// The web's Mercator projection: the world is a square of side 1, from the north-west.

import type { Position } from '../../../client/typescript/src/sphere.js';

/** A point of the square. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

const RADIANS = Math.PI / 180;
/** The latitude at which the square ends. */
export const MAX_LATITUDE = 85.0511287798066;

export function project({ lat, lon }: Position): Point {
  const bounded = Math.min(MAX_LATITUDE, Math.max(-MAX_LATITUDE, lat));
  return { x: lon / 360 + 0.5, y: 0.5 - Math.asinh(Math.tan(bounded * RADIANS)) / (2 * Math.PI) };
}

/** The position of a point, also of one beside the square: the world goes round. */
export function unproject({ x, y }: Point): Position {
  const lon = (x - Math.floor(x)) * 360 - 180;
  return { lat: Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) / RADIANS, lon };
}

/** Metres that a side of the square stands for at a latitude. */
export function metresPerSide(lat: number): number {
  return 2 * Math.PI * 6_371_008.8 * Math.cos(lat * RADIANS);
}
