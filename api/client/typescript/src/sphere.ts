// Positions, and the distance that everything is measured by.

import { asin, cos, sin } from './libm.js';

/** A WGS 84 position, in degrees. */
export interface Position {
  /** Latitude, −90 to 90. */
  readonly lat: number;
  /** Longitude, −180 to 180. */
  readonly lon: number;
}

/** Mean radius R₁ of the Earth (IUGG), in metres. */
export const EARTH_RADIUS_M = 6_371_008.8;

const RADIANS = Math.PI / 180;

/** Whether these are numbers that a position can have. */
export function isPosition(lat: unknown, lon: unknown): boolean {
  return typeof lat === 'number' && typeof lon === 'number' && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
}

/** The great-circle distance in metres, to the same bits as the server's: haversine on a sphere. */
export function distance(a: Position, b: Position): number {
  const sinLat = sin(((a.lat - b.lat) * RADIANS) / 2);
  const sinLon = sin(((a.lon - b.lon) * RADIANS) / 2);
  const h = sinLat * sinLat + cos(a.lat * RADIANS) * cos(b.lat * RADIANS) * (sinLon * sinLon);
  return 2 * EARTH_RADIUS_M * asin(Math.min(Math.sqrt(h), 1));
}
