// The land and the borders, as build.mjs writes them.

import text from 'basemap';

import { type Point, project } from './mercator.js';

/** A line, and what it spans. */
export interface Line {
  readonly points: readonly Point[];
  readonly left: number;
  readonly right: number;
}

/** Rings of land, lines of borders. */
export interface Basemap {
  readonly land: readonly Line[];
  readonly borders: readonly Line[];
}

export function basemap(): Basemap {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  let at = 0;
  const whole = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value & 1 ? -((value + 1) >> 1) : value >> 1;
    }
  };
  const line = (): Line => {
    let [x, y] = [0, 0];
    const points = Array.from({ length: whole() }, () => {
      x += whole();
      y += whole();
      return project({ lat: y / 100, lon: x / 100 });
    });
    const xs = points.map((point) => point.x);
    return { points, left: Math.min(...xs), right: Math.max(...xs) };
  };
  const lines = (): Line[] => Array.from({ length: whole() }, line);
  return { land: lines(), borders: lines() };
}
