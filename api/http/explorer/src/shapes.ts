// What is drawn over the map: circles on the sphere, cells, outlines of pages, places.

import type { Position } from '../../../client/typescript/src/sphere.js';

/** How a shape looks: a name that the style sheet has colours for. */
export type Look = 'radius' | 'certificate' | 'cell' | 'page' | 'split';

/** A closed line of longitudes and latitudes, in one piece: longitudes may go beyond ±180. */
export interface Outline {
  readonly look: Look;
  readonly ring: readonly (readonly [lon: number, lat: number])[];
}

const RADIANS = Math.PI / 180;
const EARTH_RADIUS_M = 6_371_008.8;
const CORNERS = 96;

/** Everything within a distance of a position. */
export function circle(look: Look, centre: Position, metres: number): Outline {
  const angle = Math.min(metres / EARTH_RADIUS_M, Math.PI);
  const lat = centre.lat * RADIANS;
  const ring = Array.from({ length: CORNERS + 1 }, (_, corner): [number, number] => {
    const bearing = (corner / CORNERS) * 2 * Math.PI;
    const sine = Math.sin(lat) * Math.cos(angle) + Math.cos(lat) * Math.sin(angle) * Math.cos(bearing);
    const east = Math.atan2(
      Math.sin(bearing) * Math.sin(angle) * Math.cos(lat),
      Math.cos(angle) - Math.sin(lat) * sine,
    );
    return [centre.lon + east / RADIANS, Math.asin(Math.max(-1, Math.min(1, sine))) / RADIANS];
  });
  return { look, ring };
}

/** The rectangle of a geohash cell around its centre. */
export function rectangle(look: Look, { lat, lon }: Position, precision: number): Outline {
  const [high, wide] = [180 / 2 ** Math.floor(2.5 * precision), 360 / 2 ** Math.ceil(2.5 * precision)];
  const [south, north, west, east] = [lat - high / 2, lat + high / 2, lon - wide / 2, lon + wide / 2];
  return { look, ring: [[west, south], [east, south], [east, north], [west, north], [west, south]] };
}
