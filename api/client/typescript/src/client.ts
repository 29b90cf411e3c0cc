// The client: cells as the planner has them, then the exact endpoint (docs/EDGE.md, "What a client does").
//
// Results are those of `refine` on an answer that passed every check of `read`, or those of the exact endpoint. Whatever
// goes wrong on the way there leads to the exact endpoint, and whatever goes wrong there is an error. No list is short
// because something failed.

import type { Cell } from './cells.js';
import { Hints } from './density.js';
import { Fault, NearbyError } from './errors.js';
import { age, lifetime } from './fresh.js';
import { type AnswerStorage, type Entry, Kept } from './kept.js';
import { DOCUMENT_PATH, readLimits, type ServerLimits } from './limits.js';
import { Planner, PlannerMemory } from './planner.js';
import { cellAnswer, exactAnswer } from './read.js';
import { type Hit, refine } from './refine.js';
import { type Fetch, limited, mayPass, type Reply, Transport } from './transport.js';
import { type Asked, cellPath, check, exactPath, mapPath, type Wanted } from './wanted.js';

const WITHIN_MS = 10_000;
const KEPT_BYTES = 4 << 20;
const OFFLINE_FOR_MS = 24 * 60 * 60 * 1000;

/** How a client is set up. */
export interface ClientOptions {
  /** What sends requests instead of the platform's `fetch`: to add headers, say. */
  readonly fetch?: Fetch;
  /** Characters of cell answers that are kept; 4 MB if left out, 0 keeps none. */
  readonly keep?: number;
  /** Where answers outlive the page: `localStorage`. In memory only if left out. */
  readonly storage?: AnswerStorage;
  /** How old an answer may be that serves while nothing can be reached, in milliseconds; a day if left out, 0 for none. */
  readonly offlineFor?: number;
  /** How often the exact endpoint is asked again after a failure that may pass; twice if left out. */
  readonly retries?: number;
  /** The time, in milliseconds since 1970. */
  readonly now?: () => number;
  /** Random numbers from 0 to 1, which pauses are made of. */
  readonly random?: () => number;
}

/** How one call is made. */
export interface CallOptions {
  /** Ends the call, which fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Time for the call, in milliseconds; 10 s if left out. A cell may take half of what is left. */
  readonly within?: number;
}

/** What was asked for on the way to a result. */
export interface Request {
  /** The cell; nothing for the exact endpoint. */
  readonly cell?: string;
  /** An answer came, an earlier one was fresh and nothing was sent, or it was of no use. */
  readonly outcome: 'answered' | 'kept' | 'failed';
  /** Why it was of no use. */
  readonly why?: string;
  /** `Cache-Status` (RFC 9211), as it came. */
  readonly cacheStatus?: string;
  /** `Age`: for how many seconds the answer was in a shared cache. */
  readonly age?: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** What a call found: exactly what a search of all places finds. */
export interface Found {
  /** The places, nearest first, ties by id. */
  readonly hits: readonly Hit[];
  /** The cell whose certificate vouches for them; nothing if the exact endpoint does, which was told the position. */
  readonly cell?: string;
  /** Nothing could be reached: this is what a search would have found at `asOf`. */
  readonly stale: boolean;
  /** When the server's answer was made, in milliseconds since 1970. */
  readonly asOf: number;
  /** What was asked for to get there, in order, without density maps. */
  readonly requests: readonly Request[];
}

/** Finds places near users, exactly, from answers that a CDN has for everybody. */
export class NearbyClient {
  private readonly transport: Transport;
  private readonly memory = new PlannerMemory();
  private readonly hints = new Hints();
  private readonly kept: Kept;
  private readonly now: () => number;
  private readonly offlineFor: number;

  /** A client of the API below a URL. */
  constructor(base: string, options: ClientOptions = {}) {
    const url = base.replace(/\/+$/, '');
    const { fetch = (...call) => globalThis.fetch(...call), keep = KEPT_BYTES, retries = 2 } = options;
    this.now = options.now ?? Date.now;
    this.offlineFor = options.offlineFor ?? OFFLINE_FOR_MS;
    this.transport = new Transport(url, fetch, retries, options.random ?? Math.random, this.now);
    this.kept = new Kept(keep, options.storage, `cellar:${url}`);
  }

  /**
   * The nearest places, as an exact search of the collection finds them.
   *
   * While nothing can be reached, an answer that was kept serves if its certificate allows it, however the user has
   * moved; the result is `stale` then.
   */
  async nearby(wanted: Wanted, options: CallOptions = {}): Promise<Found> {
    const asked = check(wanted);
    const requests: Request[] = [];
    try {
      return await this.call(options, (signal, left) => this.search(asked, requests, signal, left));
    } catch (error) {
      const outage = error instanceof NearbyError && (error.reason === 'deadline' || mayPass(error));
      const found = outage ? this.lastAnswer(asked, requests) : undefined;
      if (found) return found;
      throw error;
    }
  }

  /** The same from the exact endpoint, without a look at any cell. */
  async exact(wanted: Wanted, options: CallOptions = {}): Promise<Found> {
    const asked = check(wanted);
    return this.call(options, (signal, left) => this.askExact(asked, [], signal, left));
  }

  /** The limits of the server's searches. */
  async limits(options: CallOptions = {}): Promise<ServerLimits> {
    const { body } = await this.call(options, (signal, left) => this.transport.insist(DOCUMENT_PATH, signal, left));
    return readLimits(body);
  }

  private async call<T>(
    { signal, within = WITHIN_MS }: CallOptions,
    run: (signal: AbortSignal, left: () => number) => Promise<T>,
  ): Promise<T> {
    const end = performance.now() + within;
    return limited(within, signal, (signal) => run(signal, () => end - performance.now()));
  }

  private async search(asked: Asked, requests: Request[], signal: AbortSignal, left: () => number): Promise<Found> {
    await this.fetchMapIfDue(asked, signal, left() / 4);
    const hint = this.hints.precision(asked.collection, asked);
    const planner = new Planner(asked, asked.scope, hint, this.memory);
    for (let cell: Cell | undefined = planner.first; cell; ) {
      const entry: Entry | undefined = await this.askCell(asked, cell, requests, signal, left() / 2);
      const step = entry && planner.answered(entry.answer);
      if (step && 'hits' in step) return vouched(entry, step.hits, false, requests);
      cell = step?.next;
    }
    return this.askExact(asked, requests, signal, left);
  }

  private async askExact(asked: Asked, requests: Request[], signal: AbortSignal, left: () => number): Promise<Found> {
    const [asOf, start] = [this.now(), performance.now()];
    const reply = await this.transport.insist(exactPath(asked), signal, left);
    let hits: Hit[];
    try {
      hits = exactAnswer(textOf(reply), asked);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new NearbyError('broken', `the server's answer is broken: ${error.message}`);
    }
    requests.push({ outcome: 'answered', ...said(reply), ms: performance.now() - start });
    return { hits, stale: false, asOf, requests };
  }

  /** Asks for the density map once in a while, unless it is known what works around here. */
  private async fetchMapIfDue(asked: Asked, signal: AbortSignal, ms: number): Promise<void> {
    const { collection } = asked;
    const known = this.memory.recall(asked, asked.scope) !== undefined;
    if (known || !this.hints.isDue(collection, this.now())) return;
    try {
      const reply = await limited(ms, signal, (signal) => this.transport.get(mapPath(collection), signal));
      const freshMs = lifetime(reply.headers).fresh * 1000;
      this.hints.learn(collection, reply.status, reply.body ?? '', freshMs, this.now());
    } catch {
      signal.throwIfAborted();
    }
  }

  /** The answer of a cell, from memory or from the server; nothing if there is none that is of use. */
  private async askCell(
    asked: Asked,
    cell: Cell,
    requests: Request[],
    signal: AbortSignal,
    ms: number,
  ): Promise<Entry | undefined> {
    const path = cellPath(asked.collection, cell.name, asked.category);
    const [time, start] = [this.now(), performance.now()];
    const note = (request: Pick<Request, 'outcome'> & Partial<Request>) =>
      requests.push({ cell: cell.name, ...request, ms: performance.now() - start });
    const kept = this.kept.get(path, time);
    if (kept) {
      note({ outcome: 'kept' });
      return kept;
    }
    let reply: Reply | undefined;
    try {
      reply = await limited(ms, signal, (signal) => this.transport.get(path, signal));
      if (reply.status !== 200) throw new Fault(`status ${reply.status}`);
      const body = textOf(reply);
      const entry: Entry = {
        collection: asked.collection,
        category: asked.category,
        geohash: cell.name.slice(3),
        asked: time,
        age: (age(reply.headers) || 0) * 1000,
        lifetime: lifetime(reply.headers),
        answer: cellAnswer(body, cell, path, asked.category),
        size: body.length,
      };
      this.kept.put(entry, body);
      note({ outcome: 'answered', ...said(reply) });
      return entry;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Fault || error instanceof NearbyError)) throw error;
      note({ outcome: 'failed', why: error.message, ...(reply && said(reply)) });
      return undefined;
    }
  }

  /** What the latest answer that vouches for it has. */
  private lastAnswer(asked: Asked, requests: Request[]): Found | undefined {
    const now = this.now();
    for (const entry of this.kept.last(asked.collection, asked.category)) {
      const old = now - entry.asked + entry.age;
      const { exact, hits } = refine(entry.answer, asked);
      if (exact && old <= this.offlineFor) return vouched(entry, hits, true, requests);
    }
    return undefined;
  }
}

function vouched({ answer, asked, age }: Entry, hits: Hit[], stale: boolean, requests: Request[]): Found {
  return { hits, cell: answer.cell.name, stale, asOf: asked - age, requests };
}

/** What an answer says of where it comes from. */
function said({ headers }: Reply): Partial<Request> {
  const cacheStatus = headers.get('cache-status');
  return {
    ...(cacheStatus !== null && { cacheStatus }),
    ...(headers.has('age') && { age: age(headers) }),
  };
}

function textOf({ body }: Reply): string {
  if (body === undefined) throw new Fault('it is no such document: it is no UTF-8');
  return body;
}
