// How much function.js does, counted by the engine: every call, every turn of a loop and every branch taken. CloudFront
// throttles functions that take too long, and what a request costs there must not be up to whoever sends it.
import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { after, before, test } from 'node:test';

import { canonicalize, load } from '../load.mjs';

const NEARBY = '/v1/collections/wineries/nearby';
const HERE = `${NEARBY}?lat=48.8566&lon=2.3522&mode=cell`;
const CELL = '/v1/collections/wineries/cells/gh:u09tv/nearby';
const MIXED = `${'x'.repeat(32)}${'zzzzzz7'.repeat(32)}`;
const handler = load((key) => (key.endsWith(':u0') ? 'x'.repeat(32) : MIXED));

const session = new Session();
before(async () => {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
});
after(() => session.disconnect());

/** What a URL is answered with, and how many blocks of the function were entered for it. */
async function counted(url) {
    await session.post('Profiler.takePreciseCoverage');
    const answer = await canonicalize(handler, url);
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const functions = result.filter(({ url: file }) => file === '').flatMap((script) => script.functions);
    const names = functions.map(({ functionName }) => functionName);
    assert.ok(names.includes('handler'), `not the function: ${names}`);
    const blocks = functions.flatMap(({ ranges }) => ranges.map(({ count }) => count));
    return { answer, work: blocks.reduce((sum, count) => sum + count, 0) };
}

const repeated = (bit, length) => bit.repeat(Math.ceil(length / bit.length)).slice(0, length);

test('an exact search costs one look, however long its query is', async () => {
    const { work } = await counted(`${NEARBY}?lat=48.8566&lon=2.3522`);
    for (const bit of ['&', 'a', 'a&', 'a=b&', 'mode&', 'mode=cel&', '%6d%6f%64%65=%63%65%6c&', '%', '%zz&', '=', '+', ',']) {
        const long = await counted(`${NEARBY}?${repeated(bit, 8000)}`);
        assert.equal(long.work, work, bit);
        assert.ok(long.answer.pass, bit);
    }
});

test('a query that is too long is refused before it is read', async () => {
    const works = new Set();
    for (const bit of ['&', 'a', 'a&', 'lat=1&', 'category=a,', '%', '+', '%f0%9f%8d%b7']) {
        for (const length of [2100, 8000]) {
            const { answer, work } = await counted(`${NEARBY}?mode=cell&${repeated(bit, length)}`);
            assert.equal(answer.problem.type, '/problems/query-too-long', bit);
            works.add(work);
        }
    }
    assert.equal(works.size, 1, [...works].join());
});

test('what empty and surplus parts cost does not grow with them', async () => {
    const few = await counted(`${HERE}&&`);
    const many = await counted(`${HERE}${'&'.repeat(2000)}`);
    assert.deepEqual([many.answer, many.work], [few.answer, few.work]);
    const two = await counted(`${CELL}?category=a&x=1`);
    const thousand = await counted(`${CELL}?category=a${'&x=1'.repeat(500)}`);
    assert.deepEqual([thousand.answer, thousand.work], [two.answer, two.work]);
});

// The most that a query within 2,048 bytes came to, by what it is made of. A bound is raised for a reason only.
test('the worst queries stay within their bounds', async () => {
    const usual = await counted(HERE);
    assert.equal(usual.answer.uri, '/v1/collections/wineries/cells/gh:u09tvw0/nearby');
    assert.ok(usual.work <= 130, `${usual.work} for a usual search`);
    for (const [bit, most] of [['a', 30], ['a,', 6_200], [',', 6_200], ['\\,', 1_100], ['a+', 35], ['+', 2_100], ['%2C', 20],
        ["'", 30], ['a\\', 2_100]]) {
        const { work } = await counted(`${CELL}?category=${repeated(bit, 2030)}`);
        assert.ok(work <= most, `${work} for ${bit}, ${most} at most`);
    }
    const h3 = await counted(CELL.replace('gh:u09tv', 'h3:851fb467fffffff'));
    assert.ok(h3.work <= 50, `${h3.work} for H3`);
});
