// Requests: with a time limit, abortable, and repeated where that helps.

import { excerpt, NearbyError, type Problem } from './errors.js';
import { retryAfter } from './fresh.js';

/** What sends requests: the platform's `fetch`, or something with the same signature. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** An answer, whatever its status. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Nothing if it is no UTF-8. */
  readonly body: string | undefined;
}

/** Longest body that is read. 128 places of at most 64 KB each fit. */
const MAX_BODY_BYTES = 16 << 20;
/** Longest pause before the first repetition, in milliseconds; it doubles. */
const FIRST_PAUSE_MS = 200;
/** Longest time that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Sends requests to one server. */
export class Transport {
  constructor(
    private readonly base: string,
    private readonly fetch: Fetch,
    private readonly retries: number,
    private readonly random: () => number,
    private readonly now: () => number,
  ) {}

  /** The answer for a path. Redirects are not followed: a position is for the server that was named. */
  async get(path: string, signal: AbortSignal): Promise<Reply> {
    try {
      const response = await this.fetch(this.base + path, {
        signal,
        // What is kept is kept here: a browser's cache would not tell how old it has become.
        cache: 'no-cache',
        credentials: 'omit',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
      });
      const { status, headers } = response;
      return { status, headers, body: await text(response) };
    } catch (error) {
      signal.throwIfAborted();
      throw new NearbyError('unreachable', 'the server cannot be reached', undefined, undefined, { cause: error });
    }
  }

  /**
   * The answer for a path if its status is 200. What may pass is tried again, after a pause of random length that the
   * server may prolong, if the time that is `left`, in milliseconds, allows it.
   */
  async insist(path: string, signal: AbortSignal, left: () => number): Promise<Reply> {
    for (let tries = 0; ; tries++) {
      let pause = this.random() * FIRST_PAUSE_MS * 2 ** tries;
      let failure: NearbyError;
      try {
        const reply = await this.get(path, signal);
        if (reply.status === 200) return reply;
        failure = refused(reply);
        pause += retryAfter(reply.headers, this.now());
      } catch (error) {
        signal.throwIfAborted();
        failure = error as NearbyError;
      }
      if (tries >= this.retries || !mayPass(failure) || isOffline() || pause >= left()) throw failure;
      await sleep(pause, signal);
    }
  }
}

/** Whether a failure is one of the moment. */
export function mayPass({ reason, status }: NearbyError): boolean {
  return reason === 'unreachable' || (reason === 'refused' && [429, 500, 502, 503, 504].includes(status!));
}

/** Whether the browser knows that there is no network. */
function isOffline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false;
}

function refused({ status, body }: Reply): NearbyError {
  let problem: Problem | undefined;
  try {
    const members: unknown = JSON.parse(body ?? '');
    if (typeof members === 'object' && members !== null && !Array.isArray(members)) problem = members as Problem;
  } catch {
    // It says nothing.
  }
  const detail = typeof problem?.detail === 'string' ? `: ${excerpt(problem.detail)}` : '';
  return new NearbyError('refused', `the server answers ${status}${detail}`, status, problem);
}

/** The body as text; nothing if it is no UTF-8. */
async function text(response: Response): Promise<string | undefined> {
  const chunks = await read(response);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
  } catch {
    return undefined;
  }
}

async function read(response: Response): Promise<Uint8Array[]> {
  // Not every platform has bodies as streams.
  if (!response.body) return [new Uint8Array(await response.arrayBuffer())];
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    size += value.length;
    if (size > MAX_BODY_BYTES) {
      await reader.cancel();
      throw new Error(`the answer has more than ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(value);
  }
}

/**
 * Runs something within a time limit and for as long as a signal does not abort it; it is told by a signal of its own.
 * It ends in time even if it takes no heed.
 */
export async function limited<T>(
  ms: number,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const { signal } = controller;
  const abort = () => controller.abort(outer!.reason);
  outer?.addEventListener('abort', abort);
  const late = () => controller.abort(new NearbyError('deadline', 'there was no answer in time'));
  const timer = setTimeout(late, Math.min(ms, MAX_TIMER_MS));
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  try {
    return await Promise.race([run(signal), aborted]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', abort);
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
