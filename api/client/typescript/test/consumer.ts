// A project that uses the package, compiled with strict settings against its types.

import { distance, type Found, NearbyClient, NearbyError, type Wanted } from 'cellar-client';

const client = new NearbyClient('http://127.0.0.1:9', {
  fetch: async () => new Response('', { status: 503, headers: { 'content-type': 'text/plain' } }),
  retries: 0,
});
const wanted: Wanted = { collection: 'cafes', lat: 48.8566, lon: 2.3522, radius: 5_000, category: undefined };

async function names(): Promise<string[]> {
  const found: Found = await client.nearby(wanted, { signal: AbortSignal.timeout(5_000), within: 1_000 });
  return found.hits.map((hit) => `${String(hit.properties['name'])}, ${hit.distance}, ${found.cell ?? 'exact'}`);
}

async function reason(): Promise<string> {
  try {
    return (await names()).join();
  } catch (error) {
    if (!(error instanceof NearbyError)) throw error;
    return `${error.reason} ${error.status ?? ''} ${error.problem?.detail ?? ''}`.trim();
  }
}

const told = await reason();
if (told !== 'refused 503') throw new Error(told);
if (distance(wanted, wanted) !== 0) throw new Error('distances are not there');
