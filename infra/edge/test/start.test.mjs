// start.sh: what it refuses, and what it leaves behind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startEdge, startOrigin, until } from './harness.mjs';

const START = fileURLToPath(new URL('../start.sh', import.meta.url));
let dir;
before(() => { dir = mkdtempSync(join(tmpdir(), 'cellar-edge-test.')); });
after(() => rmSync(dir, { recursive: true }));

const start = (args, env = {}) => spawnSync(START, args, { encoding: 'utf8', env: { ...process.env, TMPDIR: dir, ...env } });

test('wrong usage says what is wrong and ends with 2', () => {
    const cases = [[['--orign', 'x'], /no argument --orign/], [['--origin', 'ftp://x'], /--origin must be/], [['--origin'], /needs a value/],
        [['--listen', '8080'], /--listen must be/], [['--density', '/nonexistent'], /cannot read/], [['--workers', 'x'], /whole numbers/],
        [['--max-radius', '2e5'], /--max-radius is a number of metres/]];
    for (const [args, message] of cases) {
        const { status, stderr, stdout } = start(args);
        assert.deepEqual([status, stdout], [2, ''], args.join(' '));
        assert.match(stderr, message);
    }
    assert.match(start(['--help']).stdout, /^usage: /);
});

test('a missing module says how to install it', () => {
    const { status, stderr } = start([], { EDGE_NJS_MODULE: join(dir, 'none.so') });
    assert.equal(status, 1);
    assert.match(stderr, /apt-get install nginx-light libnginx-mod-http-js/);
});

test('a port in use is an error, and nothing stays behind', async () => {
    const origin = await startOrigin();
    const { status, stderr } = start(['--listen', `127.0.0.1:${origin.port}`]);
    await origin.stop();
    assert.equal(status, 1);
    assert.match(stderr, /did not start on 127\.0\.0\.1/);
    assert.deepEqual(readdirSync(dir).filter((name) => name.startsWith('cellar-edge.')), []);
});

test('the density map is read again on SIGHUP; a directory keeps the cache', async () => {
    const density = join(dir, 'density.json');
    const write = (digit) => writeFileSync(density, JSON.stringify({ data: [{ key: 'wineries:u0', value: digit.repeat(32) }] }));
    const origin = await startOrigin();
    origin.on('wineries', (request, response) => response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(request.url));
    const near = '/v1/collections/wineries/nearby?mode=cell&lat=48.8566&lon=2.3522';
    const flags = ['--density', density, '--dir', join(dir, 'kept')];
    write('6');
    let edge = await startEdge(origin, flags);
    assert.match((await edge.get(near)).body, /gh:u09tvw\//);
    write('3');
    edge.signal('SIGHUP');
    await until(async () => /gh:u09\//.test((await edge.get(near)).body));
    assert.equal(await edge.stop(), 0);
    edge = await startEdge(origin, flags);
    await until(async () => (await edge.get(near)).headers['x-cache'] === 'Hit from edge');
    assert.equal(await edge.stop(), 0);
    await origin.stop();
});

test('the longest radius is the one that it is told', async () => {
    const origin = await startOrigin();
    origin.on('wineries', (request, response) => response.writeHead(200).end(request.url));
    const edge = await startEdge(origin, ['--max-radius', '20000']);
    const near = '/v1/collections/wineries/nearby?mode=cell&lat=48.8566&lon=2.3522&radius=';
    assert.equal((await edge.get(`${near}20000`)).status, 200);
    const { status, body } = await edge.get(`${near}20001`);
    assert.equal(status, 400);
    assert.match(body, /`radius` must be metres, more than 0 and at most 20000"/);
    assert.equal(await edge.stop(), 0);
    await origin.stop();
});
