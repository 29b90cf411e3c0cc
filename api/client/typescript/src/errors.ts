// Why there are no results.

/** An error as servers describe it (RFC 9457). */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly instance?: string;
  /** The parameter at fault. */
  readonly parameter?: string;
  /** What the parameter may be. */
  readonly allowed?: string;
  readonly [member: string]: unknown;
}

/**
 * Why a call has no results:
 * - `invalid`: the call makes no sense, and nothing was sent;
 * - `unreachable`: no answer came;
 * - `refused`: the server answered with an error, see `problem`;
 * - `broken`: the server's answer is none;
 * - `deadline`: there was no answer in time.
 *
 * A call that was aborted fails with the reason of its signal instead.
 */
export type Reason = 'invalid' | 'unreachable' | 'refused' | 'broken' | 'deadline';

/** A call has no results. */
export class NearbyError extends Error {
  override readonly name = 'NearbyError';

  constructor(
    readonly reason: Reason,
    message: string,
    /** The status of the answer, if it was refused. */
    readonly status?: number,
    /** What the server says of it, if it was refused and says something. */
    readonly problem?: Problem,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** What is wrong with an answer, so that nothing can be made of it. */
export class Fault extends Error {}

/** The beginning of a text from outside, fit for one line. */
export function excerpt(text: string): string {
  return text.replace(/\p{Cc}/gu, '').slice(0, 200);
}
