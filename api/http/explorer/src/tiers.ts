// What an answer's headers say of where it comes from.

/** What one cache had: all of it, a part, nothing. */
export interface Tier {
  readonly name: string;
  readonly had: 'hit' | 'partial' | 'miss';
  /** `6 of 13`, say. */
  readonly detail: string | undefined;
}

const NAMES: Record<string, string> = {
  'cellar-l1': 'memory',
  'cellar-l2': 'Redis',
  'cellar-rendered': 'rendered',
  'cellar-search': 'search',
};

/** Reads `Cache-Status` (RFC 9211): the cache nearest to the client comes last. */
export function tiers(cacheStatus: string | null): Tier[] {
  const members = cacheStatus?.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return members.map((member) => {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim());
    const fwd = /^fwd=(.*)$/.exec(parameters.find((parameter) => parameter.startsWith('fwd=')) ?? '')?.[1];
    const had = parameters.includes('hit') ? 'hit' : fwd === 'partial' ? 'partial' : 'miss';
    const detail = parameters.map((parameter) => /^detail="?(.*?)"?$/.exec(parameter)?.[1]).find(Boolean);
    return { name: NAMES[name] ?? name, had, detail };
  });
}

/** What `Server-Timing` says of the work, in words. */
export function work(serverTiming: string | null): string {
  const metrics = new Map<string, string>();
  for (const [, name, duration, text] of serverTiming?.matchAll(/([\w-]+)(?:;dur=([\d.]+))?(?:;desc="([^"]*)")?/g) ?? []) {
    metrics.set(name!, duration ?? text ?? '');
  }
  const told: string[] = [];
  const search = metrics.get('search');
  if (search) told.push(`${Number(search).toFixed(1)} ms in the server`);
  for (const [name, word] of [['pages', 'page'], ['queries', 'Query'], ['rounds', 'round']] as const) {
    const count = metrics.get(name);
    if (count !== undefined) told.push(`${count} ${count === '1' ? word : word.replace(/y$/, 'ie') + 's'}`);
  }
  return told.join(', ');
}
