// What a server's OpenAPI document says of its limits.

import { NearbyError } from './errors.js';

/** The limits of a server's searches. */
export interface ServerLimits {
  /** Longest radius that may be asked for, in metres. */
  readonly maxRadius: number;
  /** How far a search without a radius looks, in metres. */
  readonly horizon: number;
  /** Most places of one search. */
  readonly maxLimit: number;
}

/** Where the limits are described. */
export const DOCUMENT_PATH = '/openapi.json';
const SEARCH = '/v1/collections/{collection}/nearby';

/** Reads the document. */
export function readLimits(body: string | undefined): ServerLimits {
  try {
    const parameters = JSON.parse(body ?? '').paths[SEARCH].get.parameters as { name: string; schema: unknown }[];
    const schema = (name: string) =>
      parameters.find((parameter) => parameter.name === name)!.schema as Record<string, unknown>;
    const { maximum: maxRadius, default: horizon } = schema('radius');
    const { maximum: maxLimit } = schema('limit');
    const isLimit = (value: unknown): value is number => typeof value === 'number' && value >= 0;
    if (isLimit(maxRadius) && isLimit(horizon) && isLimit(maxLimit)) return { maxRadius, horizon, maxLimit };
  } catch {
    // It is no such document.
  }
  throw new NearbyError('broken', "the server's answer is broken: it does not describe its limits");
}
