// How long an answer may be kept (RFC 9111, as far as a private cache without revalidation needs it).

/** Longest that anything counts as fresh, whatever a server says, in seconds. */
const LONGEST_S = 86_400;

/** What a server allows. */
export interface Lifetime {
  /** For how many seconds after it was asked for the answer may be used; 0 or less if not at all. */
  readonly fresh: number;
  /** Whether it may be used later if the server cannot be reached. */
  readonly stale: boolean;
}

/** What headers allow. What cannot be read counts as a refusal. */
export function lifetime(headers: Headers): Lifetime {
  let maxAge: number | undefined;
  let stale = true;
  for (const directive of (headers.get('cache-control') ?? '').split(',')) {
    const [name = '', value = ''] = directive.split(/=(.*)/s).map((part) => part.trim());
    switch (name.toLowerCase()) {
      case 'no-store':
      case 'no-cache':
        return { fresh: 0, stale: false };
      case 'must-revalidate':
        stale = false;
        break;
      case 'max-age': {
        const seconds = /^"?(\d+)"?$/.exec(value)?.[1] ?? '0';
        maxAge = Math.min(maxAge ?? Infinity, Number(seconds));
      }
    }
  }
  const passed = age(headers);
  if (maxAge === undefined || Number.isNaN(passed)) return { fresh: 0, stale: false };
  return { fresh: Math.min(maxAge - passed, LONGEST_S), stale };
}

/** `Age` in seconds, the greatest of many; 0 if there is none, not a number if there is one that is none. */
export function age(headers: Headers): number {
  const ages = (headers.get('age') ?? '0').split(',').map((text) => text.trim());
  return Math.max(...ages.map((text) => (/^\d+$/.test(text) ? Number(text) : NaN)));
}

/** `Retry-After` in milliseconds; 0 if there is none that can be read. */
export function retryAfter(headers: Headers, now: number): number {
  const text = headers.get('retry-after')?.trim() ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return ms > 0 ? ms : 0;
}
