// From a cell's answer to one user's results: exact, or not certified.
//
// Every place closer to the cell's centre than the certificate D is listed. So everything closer than
// R = D − δ − SLACK_M to a user who is δ from the centre is listed, too. The proof is at `CellAnswer` in
// geo-index/src/edge/certificate.rs.

import type { Cell } from './cells.js';
import { distance, type Position } from './sphere.js';

/** Much more than rounding can make computed distances violate the triangle inequality by, in metres. */
export const SLACK_M = 1e-3;

/** A place of an answer. */
export interface Place extends Position {
  /** Its id within the collection. */
  readonly id: string;
  /** Its properties. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A place and its distance from the user. */
export interface Hit extends Place {
  /** Its distance, in metres. */
  readonly distance: number;
}

/** The places nearest to a cell's centre. */
export interface CellAnswer {
  readonly cell: Cell;
  /** The certificate: all places closer to the centre are listed, in metres. */
  readonly certified: number;
  readonly places: readonly Place[];
}

/** What a search of all places is asked for. */
export interface Query extends Position {
  /** Places farther than this are left out, in metres. */
  readonly radius: number;
  /** At most this many places. */
  readonly limit: number;
}

/** The results, and whether they are those of a search of all places. */
export interface Refined {
  readonly exact: boolean;
  readonly hits: Hit[];
  /** All places closer to the user than this are listed, in metres; negative if that says nothing. */
  readonly reach: number;
  /** The distance of the last of `limit` hits, if there are so many. */
  readonly last: number | undefined;
}

/** Whether the list was cut before the horizon. */
export function isCut({ cell, certified }: CellAnswer): boolean {
  return certified < cell.horizon;
}

/** The places nearest to a user, at most `limit` within a radius, and whether the answer certifies them. */
export function refine(answer: CellAnswer, query: Query): Refined {
  const reach = answer.certified - distance(answer.cell.centre, query) - SLACK_M;
  const hits = answer.places
    .map((place) => ({ ...place, distance: distance(query, place) }))
    .filter((hit) => hit.distance <= query.radius)
    .sort((a, b) => a.distance - b.distance || compareIds(a.id, b.id))
    .slice(0, query.limit);
  const last = hits.length === query.limit ? hits[hits.length - 1]!.distance : undefined;
  const exact = query.radius < reach || (last !== undefined && last < reach);
  return { exact, hits, reach, last };
}

/** Compares ids by their code points, as the server does: surrogates are beyond all other units of UTF-16. */
export function compareIds(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return (isSurrogate(x) ? x + 0x10000 : x) - (isSurrogate(y) ? y + 0x10000 : y);
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800;
}
