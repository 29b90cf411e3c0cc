// The server, and every request to it with the time that it took.

import { type Found, NearbyClient, NearbyError, type Wanted } from '../../../client/typescript/src/index.js';
import { withKey } from './key.js';
import type { Outline } from './shapes.js';
import { type Tier, tiers, work } from './tiers.js';

/** The server below which this page lies, also behind a path prefix. */
export const BASE = new URL('.', location.href).href.replace(/\/$/, '');

/** A request and what came of it. */
export interface Measured {
  /** Path and query. */
  readonly path: string;
  /** Until the last byte, in milliseconds. */
  readonly ms: number;
  readonly status: number;
  readonly bytes: number;
  readonly tiers: readonly Tier[];
  /** What the server says of its work. */
  readonly work: string;
  /** The cell and its certificate in metres, if it is the answer of a cell. */
  readonly cell: { name: string; certified: number } | undefined;
}

/** A collection. */
export interface Collection {
  readonly id: string;
  readonly title: string;
}

/** Some places of a collection, for a start. */
export interface Sample {
  readonly categories: readonly string[];
  readonly position: { lat: number; lon: number } | undefined;
}

/** A page, as it is drawn. */
export interface Page {
  readonly id: string;
  readonly kind: string;
  readonly outline: Outline;
}

/** How a search came out. */
export interface Searched {
  readonly found: Found;
  readonly requests: readonly Measured[];
}

/** That the server is read with a key only, and this was none. */
export class KeyNeeded extends Error {}

async function json(path: string, signal?: AbortSignal): Promise<any> {
  const headers = withKey();
  const answer = await fetch(BASE + path, signal ? { headers, signal } : { headers });
  const body = await answer.json();
  if (answer.status === 401) throw new KeyNeeded(body.detail);
  if (!answer.ok) throw new Error(body.detail ?? `the server answers ${answer.status}`);
  return body;
}

export async function collections(): Promise<Collection[]> {
  const { collections } = await json('/v1/collections');
  const live = collections.filter(({ status }: { status?: string }) => status !== 'deleting');
  return live.map(({ id, title }: { id: string; title?: string }) => ({ id, title: title ?? id }));
}

export async function sample(collection: string): Promise<Sample> {
  const { features } = await json(`/v1/collections/${collection}/items?limit=100`);
  const names: unknown[] = features.map((feature: any) => feature.properties.category);
  const categories = [...new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))];
  const first = features[0]?.geometry.coordinates;
  return { categories: categories.sort(), position: first && { lat: first[1], lon: first[0] } };
}

/** The pages that an exact search looks at. */
export async function pages(wanted: Wanted, signal: AbortSignal): Promise<Page[]> {
  const { features } = await json(`/v1/collections/${wanted.collection}/pages?${query(wanted)}`, signal);
  const inSight = features.filter(({ properties }: any) => properties.kind !== 'roots');
  return inSight.map(({ id, geometry, properties }: any): Page => {
    const look = properties.kind === 'split' ? 'split' : 'page';
    return { id, kind: properties.kind, outline: { look, ring: geometry.coordinates[0] } };
  });
}

function query({ lat, lon, radius, limit, category }: Wanted): URLSearchParams {
  const values = { lat: `${lat}`, lon: `${lon}`, radius: `${radius}`, limit: `${limit}` };
  return new URLSearchParams(category === undefined ? values : { ...values, category });
}

/** A search by a client that knows nothing, from cells or from the exact endpoint. */
export async function search(how: 'nearby' | 'exact', wanted: Wanted, signal: AbortSignal): Promise<Searched> {
  const requests: Measured[] = [];
  const client = new NearbyClient(BASE, { fetch: measuring(requests), retries: 0, offlineFor: 0 });
  return { found: await client[how](wanted, { signal }), requests };
}

function measuring(requests: Measured[]) {
  return async (url: string, init: RequestInit): Promise<Response> => {
    const start = performance.now();
    // Each request is to show what the server has, not what the browser has.
    const answer = await fetch(url, { ...init, headers: withKey(init.headers), cache: 'no-store' });
    const body = await answer.arrayBuffer();
    const { status, headers } = answer;
    const ms = performance.now() - start;
    requests.push({
      path: url.slice(BASE.length),
      ms,
      status,
      bytes: body.byteLength,
      tiers: tiers(headers.get('cache-status')),
      work: work(headers.get('server-timing')),
      cell: cellOf(url, body),
    });
    return new Response(status === 204 || status === 304 ? null : body, { status, headers });
  };
}

function cellOf(url: string, body: ArrayBuffer): Measured['cell'] {
  if (!url.includes('/cells/')) return undefined;
  try {
    const { cell, certified_radius_m: certified } = JSON.parse(new TextDecoder().decode(body));
    return typeof certified === 'number' ? { name: cell, certified } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a key would have helped. */
export function needsKey(error: unknown): boolean {
  return error instanceof KeyNeeded || (error instanceof NearbyError && error.problem?.status === 401);
}

/** What went wrong, for people. */
export function told(error: unknown): string {
  if (error instanceof NearbyError && error.problem?.detail) return error.problem.detail;
  return error instanceof Error ? error.message : String(error);
}
