// The vectors that cellar-model writes, as URLs with what is to come of them; undefined while there are none.
import { existsSync, readFileSync } from 'node:fs';

const file = new URL('../vectors.json', import.meta.url);

export const vectors = existsSync(file) ? read(JSON.parse(readFileSync(file, 'utf8'))) : undefined;

function read({ stores, cases }) {
    return cases.map(({ path, query, store, pass, uri, canonical_query: canonical, reject }) => {
        const url = query === '' ? path : `${path}?${query}`;
        const want = pass ? { pass: url } : reject ?? { uri: canonical === '' ? uri : `${uri}?${canonical}` };
        return { url, want, store, rows: stores[store] };
    });
}
