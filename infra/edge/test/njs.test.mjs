// function.js in njs makes of every vector what it makes of it in node. njs is what CloudFront's runtime grew from.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { canonicalize, load } from '../load.mjs';
import { degrees, random, significant, step } from './decimals.mjs';
import { startEdge, startOrigin } from './harness.mjs';
import { vectors } from './vectors.mjs';

const HERE = '/v1/collections/wineries/nearby?mode=cell&lat=48.8566&lon=2.3522';
const OWN = [HERE, `${HERE}&precision=7&category=%f0%9f%8d%b7+%C3%A9`, `${HERE}&category=%ed%a0%80`, `${HERE}&category=%C0%AF`,
    `${HERE}&category=it's%20(*)!`, `${HERE}&lat=1`, `${HERE}&category=${'x'.repeat(8000)}`, `${HERE}&radius=1e999`,
    '/v1/collections/wineries/cells/h3:851fb467fffffff/nearby?category=a', '/v1/collections/wineries/nearby?lat=1&x=%zz'];
const urls = [...OWN.map((url) => ({ url, store: 'sample' })), ...(vectors ?? [])];
// What a request line cannot carry, and what nginx refuses or tidies up by itself before any code of ours runs.
const sendable = ({ url }) => /^\/[\x21-\x7e]*$/.test(url) && !/#/.test(url) && !/%(?![0-9a-f]{2})|%00|%2f\.\.|\/\.\.?\//i.test(url.split('?')[0]);

const SAMPLE = vectors?.find(({ store }) => store === 'sample').rows ?? { 'wineries:u0': '34567034567034567034567034567034' };
let origin;
let edge;
let dir;
before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cellar-edge-test.'));
    writeFileSync(join(dir, 'density.json'), JSON.stringify(SAMPLE));
    origin = await startOrigin(0, {
        handlers: { get: () => (request, response) => response.writeHead(200).end(request.url) },
        requests: [],
    });
    edge = await startEdge(origin, ['--density', join(dir, 'density.json')]);
});
after(async () => {
    await edge?.stop();
    await origin?.stop();
    rmSync(dir, { recursive: true });
});

// `EDGE_FUZZ=50000` tries more.
const DECIMALS = Number(process.env.EDGE_FUZZ ?? 1500);

describe('njs', () => {
    // Between two doubles, njs may take the wrong one: README.md.
    test('reads decimals of up to 17 digits as node does, longer ones up to the last bit', async (t) => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
        const handler = load({});
        const at = async (lat, lon) => {
            const url = `/v1/collections/c/nearby?mode=cell&precision=7&lat=${lat}&lon=${lon}`;
            return { url, ...(await canonicalize(handler, url)) };
        };
        const next = random(DECIMALS);
        const count = { short: 0, long: 0, misread: 0 };
        let left = DECIMALS;
        const worker = async () => {
            while (left-- > 0) {
                const [lat, lon] = [degrees(next, 90), degrees(next, 180)];
                const { url, uri } = await at(lat, lon);
                const got = await edge.get(url, { agent });
                assert.equal(got.status, 200, url);
                const short = significant(lat) <= 17 && significant(lon) <= 17;
                count[short ? 'short' : 'long'] += 1;
                if (got.body === uri) continue;
                assert.ok(!short, `${url}: ${uri} in node, ${got.body} in njs`);
                const near = [-1n, 0n, 1n].flatMap((a) => [-1n, 0n, 1n].map((b) => at(step(lat, a), step(lon, b))));
                assert.ok((await Promise.all(near)).some((other) => other.uri === got.body), `${url}: ${got.body}`);
                count.misread += 1;
            }
        };
        await Promise.all(Array.from({ length: 8 }, worker));
        agent.destroy();
        t.diagnostic(JSON.stringify(count));
        assert.ok(count.short > DECIMALS / 10 && count.long > DECIMALS / 2, JSON.stringify(count));
    });

    test('agrees with node', async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
        const handler = load(SAMPLE);
        const queue = urls.filter(({ store }) => store === 'sample' || store === 'none').filter(sendable);
        const worker = async () => {
            for (let next = queue.pop(); next; next = queue.pop()) {
                const want = await canonicalize(handler, next.url);
                const got = await edge.get(next.url, { agent });
                assert.equal(got.status, want.problem ? 400 : 200, next.url);
                assert.notEqual(got.body, '', next.url);
                if (want.problem) assert.deepEqual(JSON.parse(got.body), want.problem, next.url);
                else assert.equal(got.body, want.uri ?? want.pass, next.url);
            }
        };
        assert.ok(queue.length > (vectors ? vectors.length / 2 : 5), `only ${queue.length} of ${urls.length}`);
        await Promise.all(Array.from({ length: 8 }, worker));
        agent.destroy();
        assert.equal(edge.log(), '');
    });

    test('bytes that are not UTF-8 do no harm', async () => {
        for (const [url, status] of [[`${HERE}&category=\xff\xfe`, 400], [`${HERE}&\xff=1`, 400], ['/v1/collections/\xff/nearby?mode=cell', 400]]) {
            const { status: got } = await raw(edge.port, url);
            assert.equal(got, status, url);
        }
    });
});

// As bytes: node's client refuses what is beyond ASCII.
async function raw(port, url) {
    const net = await import('node:net');
    return new Promise((resolve, reject) => {
        const socket = net.connect(port, '127.0.0.1', () => {
            socket.write(Buffer.from(`GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'));
        });
        let text = '';
        socket.on('data', (chunk) => { text += chunk.toString('latin1'); });
        socket.on('end', () => resolve({ status: Number(text.split(' ')[1]), text }));
        socket.on('error', reject);
    });
}
