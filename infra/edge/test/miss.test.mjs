// What the local edge does before the origin is asked. In njs an error costs milliseconds, so a miss must not throw one.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { load } from '../load.mjs';

const dir = mkdtempSync(join(tmpdir(), 'cellar-edge-test.'));
after(() => rmSync(dir, { recursive: true }));

const URI = '/v1/collections/wineries/cells/gh:u09t/nearby';
const FILE = join(dir, crypto.createHash('md5').update(`${URI} br`).digest('hex'));

/** The module, over a file system that counts the errors which it throws. */
function edge() {
    const seen = { errors: 0, opened: 0 };
    const counted = (name) => (...given) => {
        try {
            return fs[name](...given);
        } catch (error) {
            seen.errors += 1;
            throw error;
        }
    };
    const openSync = (...given) => {
        seen.opened += 1;
        return counted('openSync')(...given);
    };
    const { closeSync, readSync } = fs;
    const files = { closeSync, openSync, readSync, statSync: counted('statSync') };
    const source = fs.readFileSync(new URL('../local/edge.js', import.meta.url), 'utf8')
        .replace(/^import .*$/gm, '')
        .replace(/^export default (.*);$/m, 'return $1;');
    const module = new Function('crypto', 'fs', 'cloudfront', source)(crypto, files, { handler: load() });
    return { module, seen };
}

/** The location that a request for the cell goes to. */
async function located(module) {
    const variables = { request_uri: URI, edge_uri: '', edge_encoding: 'br', edge_cache_dir: dir };
    let to;
    await module.route({ method: 'GET', variables, internalRedirect: (location) => { to = location; } });
    assert.equal(variables.edge_uri, URI);
    return to;
}

test('a miss throws no error, and opens no file', async () => {
    const { module, seen } = edge();
    assert.equal(await located(module), '@shared');
    assert.deepEqual(seen, { errors: 0, opened: 0 });
});

test('of an answer that is there the head is read', async () => {
    const head = Buffer.alloc(48);
    head.writeUInt32LE(5, 0);
    head.writeUInt32LE(Math.floor(Date.now() / 1000), 8);
    head.writeUInt32LE(60, 24);
    writeFileSync(FILE, head);
    const { module, seen } = edge();
    assert.equal(await located(module), '@shared_or_stale');
    assert.deepEqual(seen, { errors: 0, opened: 1 });
});
