// The local edge: nginx with function.js in front of a stub origin.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startEdge, startOrigin, until } from './harness.mjs';

let origin;
let edge;
before(async () => {
    origin = await startOrigin();
    edge = await startEdge(origin, ['--origin-timeout', '2']);
});
after(async () => {
    await edge.stop();
    await origin.stop();
});

const cell = (collection, hash = 'u09t') => `/v1/collections/${collection}/cells/gh:${hash}/nearby`;
const near = (collection, more = '') => `/v1/collections/${collection}/nearby?lat=48.8566&lon=2.3522&mode=cell${more}`;
const shared = (age, more = '') => ({ 'Cache-Control': `public, max-age=1, s-maxage=${age}${more}`, ETag: '"v1"' });

function answers(collection, headers, body = () => 'an answer') {
    origin.on(collection, (request, response) => {
        if (headers.ETag && request.headers['if-none-match'] === headers.ETag) response.writeHead(304, headers).end();
        else response.writeHead(200, headers).end(body(request));
    });
}

describe('hits', { concurrency: true }, () => {
    test('the second user of a cell costs the origin nothing', async () => {
        answers('second', { ...shared(60), 'Cache-Status': 'cellar; hit' });
        const first = await edge.get(near('second'));
        const second = await edge.get('/v1/collections/second/nearby?lat=48.8601&lon=2.3499&mode=cell&radius=5000&limit=3');
        assert.deepEqual([first.status, first.headers['x-cache'], first.headers.age], [200, 'Miss from edge', undefined]);
        assert.deepEqual([second.status, second.headers['x-cache']], [200, 'Hit from edge']);
        assert.equal(second.body, 'an answer');
        assert.equal(second.headers['cache-status'], 'cellar; hit, edge; hit');
        assert.deepEqual(origin.seen('second').map(({ url }) => url), [cell('second')]);
    });

    test('many spellings are one request', async () => {
        answers('spell', shared(60));
        const spellings = [
            near('spell', '&category=wine%20bar'),
            near('spell', '&category=wine+bar&precision=4'),
            '/v1/collections/spell/nearby?mode=cell&category=%77ine%20bar&lon=2.3522&lat=4.88566e1&limit=7',
            '/v1/collections/s%70ell/nearby?&&m%6fde=c%65ll&lat=48.86&lon=2.35&category=wine%20bar&radius=10',
            `${cell('spell')}?category=wine+bar`,
            `${cell('spell').replace(':', '%3A')}?category=wine%20bar&`,
        ];
        for (const spelling of spellings) assert.equal((await edge.get(spelling)).status, 200, spelling);
        assert.deepEqual(origin.seen('spell').map(({ url }) => url), [`${cell('spell')}?category=wine%20bar`]);
    });

    test('HEAD is answered from the cache, and fills it', async () => {
        answers('head', shared(60));
        const head = await edge.get(near('head'), { method: 'HEAD' });
        const get = await edge.get(near('head'));
        assert.deepEqual([head.status, head.body], [200, '']);
        assert.deepEqual([get.body, get.headers['x-cache']], ['an answer', 'Hit from edge']);
        assert.equal(origin.seen('head').length, 1);
    });

    test('each encoding is an answer of its own; the origin sees Accept-Encoding as CloudFront sends it', async () => {
        origin.on('coded', (request, response) => {
            const coding = /br/.test(request.headers['accept-encoding']) ? 'br' : 'gzip';
            response.writeHead(200, { ...shared(60), 'Content-Encoding': coding, Vary: 'Accept-Encoding' }).end(coding);
        });
        const wanted = ['gzip, deflate, br', 'br;q=1.0, gzip;q=0.8, *;q=0.1', 'gzip', 'x-gzip, gzip;q=0.5, br;q=0', 'br', 'identity'];
        for (const header of wanted) await edge.get(near('coded'), { headers: { 'Accept-Encoding': header } });
        await edge.get(near('coded'));
        const seen = origin.seen('coded').map(({ headers }) => headers['accept-encoding']);
        assert.deepEqual(seen, ['br,gzip', 'gzip', 'br', undefined]);
    });

    test('50 concurrent misses reach the origin once', async () => {
        origin.on('crowd', (request, response) => {
            setTimeout(() => response.writeHead(200, shared(60)).end('once'), 300);
        });
        const all = await Promise.all(Array.from({ length: 50 }, () => edge.get(near('crowd'))));
        assert.ok(all.every(({ status, body }) => status === 200 && body === 'once'));
        assert.equal(origin.seen('crowd').length, 1);
    });

    test('40 concurrent requests for what may not be kept do not wait for each other in turn', { timeout: 10_000 }, async () => {
        origin.on('refused', (request, response) => {
            setTimeout(() => response.writeHead(503, { 'Cache-Control': 'no-store' }).end('busy'), 20);
        });
        const all = await Promise.all(Array.from({ length: 40 }, () => edge.get(near('refused'))));
        assert.ok(all.every(({ status, body }) => status === 503 && body === 'busy'));
        assert.equal(origin.seen('refused').length, 40);
    });

    test('a conditional request gets a 304 without a body, from the cache', async () => {
        answers('condition', shared(60));
        await edge.get(near('condition'));
        for (const tag of ['"v1"', 'W/"v1"', '"x", "v1"', '*']) {
            const answer = await edge.get(near('condition'), { headers: { 'If-None-Match': tag } });
            assert.deepEqual([answer.status, answer.body, answer.headers.etag], [304, '', '"v1"'], tag);
        }
        assert.equal((await edge.get(near('condition'), { headers: { 'If-None-Match': '"x"' } })).status, 200);
        assert.equal(origin.seen('condition').length, 1);
    });
});

describe('what is not shared', { concurrency: true }, () => {
    const path = (collection) => `/v1/collections/${collection}/nearby?lat=48.8566&lon=2.3522`;

    for (const control of ['private, max-age=60', 'no-store', 'no-cache', 'private, no-store', undefined]) {
        const name = (control ?? 'none').replace(/[^a-z0-9]+/g, '-');
        test(`an answer with Cache-Control ${control}`, async () => {
            answers(name, control ? { 'Cache-Control': control } : {});
            for (const url of [path(name), path(name), cell(name), cell(name)]) {
                assert.equal((await edge.get(url)).headers['x-cache'], 'Miss from edge');
            }
            assert.equal(origin.seen(name).length, 4);
        });
    }

    test('events come as they are sent, not when the answer ends', async () => {
        let end;
        origin.on('events', (request, response) => {
            response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
            response.write('event: enter\n\n');
            end = () => response.end();
        });
        const url = '/v1/collections/events/live?bbox=1,2,3,4&since=a%2Fb';
        const first = await edge.first(url);
        assert.deepEqual([first.status, first.chunk], [200, 'event: enter\n\n']);
        end();
        assert.equal(origin.seen('events')[0].url, url);
    });

    test('exact searches, as they were sent', async () => {
        answers('exact', { 'Cache-Control': 'private, no-store' });
        const url = `${path('exact')}&mode=exact&x=%zz&a=1&a=2&category=%c3%a9+%2B`;
        await edge.get(url);
        assert.equal(origin.seen('exact')[0].url, url);
    });

    test('requests with Authorization, neither kept nor answered from the cache', async () => {
        answers('secret', shared(60));
        const headers = { Authorization: 'Bearer x' };
        await edge.get(near('secret'), { headers });
        await edge.get(near('secret'));
        const third = await edge.get(near('secret'), { headers });
        assert.equal(third.headers['x-cache'], 'Miss from edge');
        assert.deepEqual(origin.seen('secret').map((request) => request.headers.authorization), ['Bearer x', undefined, 'Bearer x']);
    });

    test('answers with Set-Cookie or Vary: *', async () => {
        answers('cookie', { ...shared(60), 'Set-Cookie': 'a=b' });
        answers('vary', { ...shared(60), Vary: '*' });
        for (const name of ['cookie', 'vary']) {
            await edge.get(near(name));
            await edge.get(near(name));
            assert.equal(origin.seen(name).length, 2, name);
        }
    });

    test('writes go through, with their bodies', async () => {
        const bodies = [];
        origin.on('write', (request, response) => {
            let body = '';
            request.on('data', (chunk) => { body += chunk; }).on('end', () => {
                bodies.push(`${request.method} ${body}`);
                response.writeHead(204, shared(60)).end();
            });
        });
        for (const method of ['PUT', 'POST', 'DELETE']) {
            const answer = await edge.get(near('write'), { method, body: method === 'DELETE' ? undefined : 'x'.repeat(100000) });
            assert.equal(answer.status, 204);
        }
        assert.deepEqual(bodies.map((body) => body.length), [100004, 100005, 7]);
        assert.ok(origin.seen('write').every(({ url }) => url === near('write')));
    });
});

describe('web pages of other origins', { concurrency: true }, () => {
    const page = 'https://example.com';
    // As the API says it (api/http/src/middleware/cors.rs).
    const open = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Age, Cache-Status, ETag, Link, Server-Timing, x-request-id' };

    test('an answer that is kept says the same to all of them', async () => {
        answers('pages', { ...shared(60), ...open, 'Server-Timing': 'search;dur=1', 'x-request-id': 'r-1' });
        for (const [headers, cache] of [[{ Origin: page }, 'Miss from edge'], [{ Origin: 'https://example.org' }, 'Hit from edge'], [{}, 'Hit from edge']]) {
            const answer = await edge.get(near('pages'), { headers });
            assert.deepEqual([answer.status, answer.headers['x-cache']], [200, cache]);
            assert.equal(answer.headers['access-control-allow-origin'], '*');
            for (const name of answer.headers['access-control-expose-headers'].split(', ')) {
                if (name !== 'Link' && !(name === 'Age' && cache === 'Miss from edge')) {
                    assert.notEqual(answer.headers[name.toLowerCase()], undefined, name);
                }
            }
            assert.equal(answer.headers.vary, undefined);
        }
        assert.equal(origin.seen('pages').length, 1);
    });

    test('a preflight reaches the origin as it was sent, each time', async () => {
        origin.on('preflight', (request, response) => {
            const allowed = { 'Access-Control-Allow-Origin': page, 'Access-Control-Allow-Methods': 'PUT', 'Access-Control-Max-Age': '7200' };
            response.writeHead(204, { ...allowed, ...shared(60), Vary: 'origin, access-control-request-method' }).end();
        });
        const asked = { origin: page, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type, if-match' };
        for (const path of ['/v1/collections/preflight/items/a', near('preflight'), near('preflight')]) {
            const answer = await edge.get(path, { method: 'OPTIONS', headers: asked });
            assert.deepEqual([answer.status, answer.headers['access-control-max-age']], [204, '7200']);
            assert.deepEqual([answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-methods']], [page, 'PUT']);
            assert.match(answer.headers.vary, /origin/);
            assert.equal(answer.headers['x-cache'], undefined);
        }
        const seen = origin.seen('preflight');
        assert.equal(seen.length, 3);
        for (const { method, headers } of seen) {
            assert.equal(method, 'OPTIONS');
            for (const name of Object.keys(asked)) assert.equal(headers[name], asked[name], name);
        }
    });

    test('what the edge says by itself can be read by all', async () => {
        const refused = await edge.get(near('pages', '&x=1'), { headers: { Origin: page } });
        assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [400, '*']);
        origin.on('silent', (request, response) => response.destroy());
        const broken = await edge.get(near('silent'), { headers: { Origin: page } });
        assert.deepEqual([broken.status, broken.headers['access-control-allow-origin']], [502, '*']);
    });
});

describe('refusals', { concurrency: true }, () => {
    test('nonsense is answered at the edge', async () => {
        const bad = [
            near('bad', '&lat=1'), near('bad', '&cursor=x'), near('bad', '&precision=8'), near('bad', '&category=%zz'),
            near('bad', '&x=1'), near('bad', '&category=%0d%0aX-Evil:1'), near('bad', `&category=${'x'.repeat(8000)}`),
            '/v1/collections/bad/nearby?mode=cell&lat=91&lon=0', cell('bad', 'U09TV'), cell('bad', 'a'),
        ];
        for (const url of bad) {
            const answer = await edge.get(url);
            assert.equal(answer.status, 400, url);
            assert.equal(answer.headers['content-type'], 'application/problem+json');
            assert.equal(answer.headers['cache-control'], 'no-store');
            assert.equal(answer.headers['x-evil'], undefined);
            assert.equal(JSON.parse(answer.body).status, 400);
        }
        const head = await edge.get(bad[0], { method: 'HEAD' });
        assert.deepEqual([head.status, head.body], [400, '']);
        assert.equal(origin.seen('bad').length, 0);
    });
});

describe('time', { concurrency: true }, () => {
    test('Age counts from when the origin answered, and adds its own', async () => {
        answers('age', { ...shared(60), Age: '100' });
        const first = await edge.get(near('age'));
        assert.equal(first.headers.age, '100');
        const begun = Date.now();
        const aged = await until(async () => {
            const { headers } = await edge.get(near('age'));
            return Number(headers.age) >= 102 && Number(headers.age);
        });
        const elapsed = (Date.now() - begun) / 1000;
        assert.ok(aged - 100 <= elapsed + 1.1 && aged - 100 >= elapsed - 1.1, `${aged} after ${elapsed} s`);
    });

    test('a confirmed answer is young again, and its 304 brought no body', async () => {
        answers('confirm', shared(1));
        await edge.get(near('confirm'));
        const fresh = await until(async () => {
            const answer = await edge.get(near('confirm'));
            return answer.headers['x-cache'] === 'RefreshHit from edge' && answer;
        });
        assert.deepEqual([fresh.status, fresh.body, fresh.headers.age], [200, 'an answer', '0']);
        assert.equal(fresh.headers['cache-status'], 'edge; fwd=stale; fwd-status=304');
        const next = await edge.get(near('confirm'));
        assert.ok(next.headers['x-cache'] === 'Hit from edge' && Number(next.headers.age) <= 1, JSON.stringify(next.headers));
        assert.ok(origin.seen('confirm').slice(1).every(({ headers }) => headers['if-none-match'] === '"v1"'));
    });

    test('stale-while-revalidate: nobody waits for a slow origin', async () => {
        let calls = 0;
        origin.on('swr', (request, response) => {
            calls += 1;
            const body = `answer ${calls}`;
            const headers = { 'Cache-Control': 'public, max-age=1, stale-while-revalidate=30' };
            setTimeout(() => response.writeHead(200, headers).end(body), calls === 1 ? 0 : 1200);
        });
        await edge.get(near('swr'));
        const updated = await until(async () => {
            const begun = Date.now();
            const all = await Promise.all(Array.from({ length: 10 }, () => edge.get(near('swr'))));
            assert.ok(Date.now() - begun < 1000, 'waited');
            assert.ok(all.every(({ headers }) => headers['x-cache'] === 'Hit from edge'));
            return all.some(({ body }) => body === 'answer 2');
        });
        assert.ok(updated && calls === 2, `${calls} calls`);
    });

    test('stale-if-error: the last answer while the origin fails, as long as it allowed', async () => {
        let status = 200;
        origin.on('sie', (request, response) => {
            response.writeHead(status, { 'Cache-Control': status === 200 ? 'max-age=1, stale-if-error=3' : 'no-store' }).end(`${status}`);
        });
        await edge.get(near('sie'));
        status = 500;
        const stale = await until(async () => {
            const answer = await edge.get(near('sie'));
            return /stale-if-error/.test(answer.headers['cache-status']) && answer;
        });
        assert.deepEqual([stale.status, stale.body], [200, '200']);
        const failed = await until(async () => {
            const answer = await edge.get(near('sie'));
            return answer.status === 500 && answer;
        });
        assert.equal(failed.body, '500');
        status = 200;
        assert.equal((await edge.get(near('sie'))).status, 200);
    });

    test('stale-if-error: a hanging origin costs its time limit, then the last answer comes', async () => {
        let hang = false;
        origin.on('hang', (request, response) => {
            if (!hang) response.writeHead(200, { 'Cache-Control': 'max-age=1, stale-if-error=60' }).end('kept');
        });
        await edge.get(near('hang'));
        hang = true;
        const stale = await until(async () => {
            const answer = await edge.get(near('hang'));
            return /stale-if-error/.test(answer.headers['cache-status']) && answer;
        });
        assert.deepEqual([stale.status, stale.body], [200, 'kept']);
    });
});

describe('purge', () => {
    const purge = (body) => edge.get('/_edge/purge', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });

    test('by tag, by URI, by collection, and all', async () => {
        answers('tagged', { ...shared(60), 'Cache-Tag': 'tagged:831fb4fffffffff, tagged:831fb0fffffffff' });
        answers('other', { ...shared(60), 'Cache-Tag': 'other:831fb4fffffffff' });
        const fill = async () => {
            for (const name of ['tagged', 'other']) await edge.get(near(name));
            await edge.get(near('tagged'), { headers: { 'Accept-Encoding': 'gzip' } });
            return [origin.seen('tagged').length, origin.seen('other').length];
        };
        assert.deepEqual(await fill(), [2, 1]);
        assert.equal((await purge({ tags: ['tagged:831fb0fffffffff'] })).body, '{"purged":2}');
        assert.deepEqual(await fill(), [4, 1]);
        assert.equal((await purge({ tags: ['tagged:831fb', 'tagged'] })).body, '{"purged":0}');
        assert.equal((await purge({ uris: [cell('other')] })).body, '{"purged":1}');
        assert.deepEqual(await fill(), [4, 2]);
        assert.ok(JSON.parse((await purge({ all: true })).body).purged >= 3);
        assert.deepEqual(await fill(), [6, 3]);
        assert.equal((await purge({ collections: ['tagge', 'tagged'] })).body, '{"purged":2}');
        assert.deepEqual(await fill(), [8, 3]);
    });

    test('takes JSON by POST only, so that no web page can send it unasked', async () => {
        assert.equal((await edge.get('/_edge/purge')).status, 405);
        const form = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: '{"all":true}' };
        assert.equal((await edge.get('/_edge/purge', form)).status, 405);
    });
});

test('the origin may be killed and come back', async () => {
    let down = await startOrigin();
    const front = await startEdge(down);
    try {
        down.on('killed', (request, response) => {
            response.writeHead(200, { 'Cache-Control': 'max-age=1, stale-if-error=60' }).end('kept');
        });
        await front.get(near('killed'));
        const url = near('killed');
        await down.stop();
        const stale = await until(async () => {
            const answer = await front.get(url);
            return /stale-if-error/.test(answer.headers['cache-status']) && answer;
        });
        assert.deepEqual([stale.status, stale.body], [200, 'kept']);
        const never = await front.get(cell('killed', 'u09'));
        assert.deepEqual([never.status, never.headers['content-type']], [502, 'application/problem+json']);
        down = await startOrigin(down.port, down.state);
        await until(async () => (await front.get(url)).headers['x-cache'] === 'Miss from edge');
    } finally {
        assert.equal(await front.stop(), 0);
        await down.stop();
    }
});
