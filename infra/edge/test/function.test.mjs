// function.js by itself, with CloudFront's events.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { canonicalize, event, load, source } from '../load.mjs';
import { vectors } from './vectors.mjs';

const handler = load();
const NEARBY = '/v1/collections/wineries/nearby';
const HERE = `${NEARBY}?lat=48.8566&lon=2.3522&mode=cell`;
const CELL = '/v1/collections/wineries/cells/gh:u09tv/nearby';

const of = (url, options) => canonicalize(handler, url, options);
const refused = async (url) => {
    const { problem } = await of(url);
    return problem && `${problem.type.slice('/problems/'.length)} ${problem.parameter ?? '-'}`;
};

describe('the file', () => {
    test('fits into a CloudFront function', () => {
        const bytes = Buffer.byteLength(source);
        assert.ok(bytes <= 10240, `${bytes} bytes`);
    });

    // JavaScript runtime 2.0 is ES 5.1 with const, let, async, await, arrow functions and little else.
    test('uses nothing that JavaScript runtime 2.0 lacks', () => {
        const code = source
            .replace(/^\/\/.*$/gm, '')
            .replace(/\/(?![/*])(?:\[(?:\\.|[^\]\\\n])*\]|\\.|[^/[\\\n])+\/[a-z]*(?=[.,)])/g, 'REGEX')
            .replace(/'(?:\\.|[^'\\\n])*'/g, 'TEXT');
        const lacking = {
            'class, generator or other module syntax': /\b(class|extends|super|yield|export|require|import(?! cf from))\b/,
            'for-of or for-await': /\bfor\s+await\b|\bfor\s*\([^)]*\bof\b/,
            'spread, rest or default parameters': /\.\.\.|function\s*\w*\([^)]*=/,
            'destructuring': /\b(const|let|var)\s*[[{]/,
            'optional chaining or nullish operators': /\?\.|\?\?/,
            'async arrow functions': /\basync\s*\(|\basync\s+\w+\s*=>/,
            'await as an argument': /\w\([^()]*\bawait\b/,
            'dynamic code, timers or the network': /\b(eval|Function|setTimeout|setInterval|fetch|XMLHttpRequest)\b/,
            'ES 2015 collections and symbols': /\b(Map|Set|WeakMap|Symbol|Proxy|Reflect|BigInt)\b/,
            'regular expressions with lookbehind or names': /\(\?</,
        };
        for (const [what, pattern] of Object.entries(lacking)) assert.ok(!pattern.test(code), `${what}: ${pattern.exec(code)?.[0]}`);
        assert.ok(!/\/[gim]*[suyd][gim]*(\.(test|exec)\(|,)/.test(source), 'flags s, u, y, d');
        assert.ok(!/\$\/\.test\(/.test(source), '`is` keeps a line feed out');
        assert.match(source, /^import cf from 'cloudfront';$/m);
    });
});

describe('vectors shared with the origin', { skip: !vectors && 'no vectors.json yet' }, () => {
    test('all of them', async () => {
        for (const { url, want, rows } of vectors) {
            const got = await canonicalize(load(rows), url);
            const seen = got.problem ? { kind: got.problem.type.slice('/problems/'.length), parameter: got.problem.parameter ?? null } : got;
            assert.deepEqual(seen, want, url);
        }
        assert.ok(vectors.length > 1000);
    });
});

describe('events', () => {
    test('a position becomes its cell', async () => {
        const sent = event(HERE);
        const answer = await handler(sent);
        assert.equal(answer, sent.request);
        assert.deepEqual([answer.uri, answer.querystring], ['/v1/collections/wineries/cells/gh:u09t/nearby', {}]);
        const kept = await handler(event(`${HERE}&category=wine+bar!`));
        assert.deepEqual(kept.querystring, { category: { value: 'wine%20bar%21' } });
    });

    test('an event without rawQueryString() is put together from its parts', async () => {
        for (const url of [HERE, `${HERE}&category=a%26b`, `${HERE}&lat=1`, `${HERE}&x=1`, `${CELL}?category=%C3%A9`, NEARBY]) {
            const whole = await of(url);
            assert.deepEqual(await of(url, { raw: false }), whole, url);
            const empty = event(url, { raw: false });
            empty.request.rawQueryString = () => '';
            const answer = await handler(empty);
            assert.equal(answer.statusCode ?? 200, whole.problem?.status ?? 200, url);
        }
    });

    test('a refusal is a problem that is not stored', async () => {
        const answer = await handler(event(`${NEARBY}?mode=cell&lat=91&lon=0`));
        assert.deepEqual([answer.statusCode, answer.statusDescription, answer.body.encoding], [400, 'Bad Request', 'text']);
        assert.deepEqual(answer.headers, {
            'content-type': { value: 'application/problem+json' },
            'cache-control': { value: 'no-store' },
            'access-control-allow-origin': { value: '*' },
        });
        assert.deepEqual(JSON.parse(answer.body.data), {
            type: '/problems/parameter-out-of-range',
            title: 'Parameter out of range',
            status: 400,
            detail: '`lat` must be -90 to 90',
            parameter: 'lat',
        });
    });

    test('other methods and other paths pass through, whatever they say', async () => {
        for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PURGE']) {
            for (const url of [HERE, `${CELL}?x=%zz`]) assert.deepEqual(await of(url, { method }), { pass: url });
        }
        const paths = ['/', '/v1/collections', '/v1/collections/wineries', `${NEARBY}/`, '/V1/collections/wineries/nearby',
            '/v1/%63ollections/wineries/nearby', '/v1/collections/a/b/nearby', '/v1/collections/wineries/cells/nearby',
            '/v1/collections/wineries/items/nearby', `${CELL}/`, `/${CELL}`, '/v1//collections/wineries/nearby', ''];
        for (const path of paths) assert.deepEqual(await of(`${path}?mode=cell&%zz`), { pass: `${path}?mode=cell&%zz` });
        assert.deepEqual(await of(HERE, { method: 'HEAD' }), await of(HERE));
    });

    test('exact searches pass through untouched', async () => {
        for (const query of ['', '?', '?lat=1&lon=2', '?lat=%zz', '?mode=exact', '?mode=Cell', '?mode=cell%20', '?mode=', '?MODE=cell',
            '?mode', '?cell', '?xmode=cell', '?mode=cells', `?${'a'.repeat(9000)}`, '?precision=5', '?mode=c%ell', '?mode=%63el%zz']) {
            assert.deepEqual(await of(NEARBY + query), { pass: NEARBY + query });
        }
    });
});

describe('density map', () => {
    const row = (digit) => digit.repeat(32);
    const cell = async (rows) => (await canonicalize(load(rows), HERE)).uri.split('/')[5];

    test('its digit is the precision, for its collection and third letter only', async () => {
        assert.equal(await cell({ 'wineries:u0': row('7') }), 'gh:u09tvw0');
        assert.equal(await cell({ 'wineries:u0': `${'4'.repeat(9)}6${'4'.repeat(22)}` }), 'gh:u09tvw');
        assert.equal(await cell({ 'bars:u0': row('7'), 'wineries:u1': row('7') }), 'gh:u09t');
        const asked = [];
        await canonicalize(load((key) => { asked.push(key); return row('5'); }), HERE);
        assert.deepEqual(asked, ['wineries:u0']);
    });

    test('a mark leads to one more row, never to a third', async () => {
        const marked = { 'wineries:u0': 'x'.repeat(32) };
        // Paris is in the 28th child of u09t, and in the 29th of its own.
        const mixed = (bit) => {
            const bits = Array.from({ length: 7 }, (_, i) => (Math.floor(bit / 5) === i ? '0123456789bcdefghjkmnpqrstuvwxyz'[1 << bit % 5] : '0'));
            return `x${'5'.repeat(26)}x${'5'.repeat(4)}zzzzzz7${bits.join('')}`;
        };
        for (const [row, wanted] of [['5', 'u09tv'], ['6', 'u09tvw'], ['7', 'u09tvw0'], [`${'5'.repeat(27)}7${'5'.repeat(4)}`, 'u09tvw0'],
            [mixed(28), 'u09tvw0'], [mixed(27), 'u09tvw'], [mixed(0), 'u09tvw']]) {
            assert.equal(await cell({ ...marked, 'wineries:u09t': row }), `gh:${wanted}`, row);
        }
        const asked = [];
        await canonicalize(load((key) => { asked.push(key); return 'x'.repeat(32); }), HERE);
        assert.deepEqual(asked, ['wineries:u0', 'wineries:u09t']);
    });

    test('a row that is missing or torn is none', async () => {
        const marks = `x${'5'.repeat(26)}x${'5'.repeat(4)}`;
        for (const row of [undefined, '', '4', '8', 'x', '55', '5\n', marks, `${marks}zzzzzz7zzzzzz`, `${marks}zzzzzz7zzzzzz77`,
            `${marks}zzzzzz7zzzzzza`, `${marks}zzzzzz7zzzzzz7\n`, `4${marks.slice(1)}zzzzzz7`, 5, null, {}]) {
            assert.equal(await cell({ 'wineries:u0': 'x'.repeat(32), 'wineries:u09t': row }), 'gh:u09t', JSON.stringify(row));
        }
    });

    test('what is no map is no map', async () => {
        const nonsense = ['', row('2'), row('8'), row('9'), row('X'), row('5').slice(1), `${row('5')}5`, `${row('5')}\n`, row('x'), 5, null, {}, [row('5')].concat(row('5'))];
        for (const value of nonsense) assert.equal(await cell({ 'wineries:u0': value }), 'gh:u09t', JSON.stringify(value));
        assert.equal(await cell(() => { throw new Error('unavailable'); }), 'gh:u09t');
        const without = new Function('cf', `${source.replace(/^import.*$/m, '')}; return handler;`)({ kvs: () => { throw new Error('none'); } });
        assert.equal((await canonicalize(without, HERE)).uri, '/v1/collections/wineries/cells/gh:u09t/nearby');
    });

    test('a precision in the request goes before it', async () => {
        const got = await canonicalize(load(() => { throw new Error('asked'); }), `${HERE}&precision=3`);
        assert.equal(got.uri, '/v1/collections/wineries/cells/gh:u09/nearby');
    });
});

describe('positions', () => {
    // By exact fractions: the 35 bits of a geohash are the position scaled to 0..1, cut off.
    function expected(lat, lon) {
        const scaled = (value, bound, bits) => {
            const [sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(value).slice(1);
            const unit = 10n ** BigInt(fraction.length);
            const number = BigInt(whole + fraction) * (sign ? -1n : 1n);
            const cut = ((number + bound * unit) << bits) / (2n * bound * unit);
            const last = (1n << bits) - 1n;
            return (cut > last ? last : cut).toString(2).padStart(Number(bits), '0');
        };
        const [x, y] = [scaled(lon, 180n, 18n), scaled(lat, 90n, 17n)];
        let bits = '';
        for (let i = 0; i < 35; i++) bits += i % 2 ? y[i >> 1] : x[i >> 1];
        return bits.match(/.{5}/g).map((five) => '0123456789bcdefghjkmnpqrstuvwxyz'[parseInt(five, 2)]).join('');
    }
    const at = async (lat, lon, precision = 7) =>
        (await of(`${NEARBY}?mode=cell&lat=${lat}&lon=${lon}&precision=${precision}`)).uri.split('/')[5].slice(3);

    test('poles, ±180° and borders', async () => {
        const nasty = ['0', '-0', '45', '-45', '90', '-90', '89.9999999999', '-89.9999999999', '0.0013732910156', '11.25',
            '0.001373291015625', '0.0000000000001', '-0.0000000000001'];
        for (const lat of nasty) {
            for (const lon of [...nasty, '180', '-180', '179.9999999999', '-179.9999999999', '135']) {
                assert.equal(await at(lat, lon), expected(lat, lon), `${lat},${lon}`);
            }
        }
        assert.equal(await at('90', '180'), 'zzzzzzz');
        assert.equal(await at('-90', '-180'), '0000000');
    });

    test('anywhere', async () => {
        for (let i = 0; i < 3000; i++) {
            const [lat, lon] = [(Math.random() * 180 - 90).toFixed(i % 8), (Math.random() * 360 - 180).toFixed(i % 8)];
            const precision = 3 + (i % 5);
            assert.equal(await at(lat, lon, precision), expected(lat, lon).slice(0, precision), `${lat},${lon}`);
        }
    });
});

describe('bad input', () => {
    test('each kind is told by name', async () => {
        const cases = {
            [`${HERE}&lat=1`]: 'parameter-repeated lat',
            [`${HERE}&mode=exact`]: 'parameter-repeated mode',
            [`${HERE}&m%6fde=cell`]: 'parameter-repeated mode',
            [`${HERE}&Lat=1`]: 'parameter-unknown Lat',
            [`${HERE}&__proto__=1`]: 'parameter-unknown __proto__',
            [`${HERE}&constructor=1`]: 'parameter-unknown constructor',
            [`${HERE}&cursor=x`]: 'parameter-invalid cursor',
            [`${HERE}&category=`]: 'parameter-invalid category',
            [`${HERE}&category`]: 'parameter-invalid category',
            [`${HERE}&category=%0d%0aSet-Cookie:x`]: 'parameter-invalid category',
            [`${HERE}&category=%C2%85`]: 'parameter-invalid category',
            [`${HERE}&category=%00`]: 'parameter-invalid category',
            [`${HERE}&category=%`]: 'query-malformed category',
            [`${HERE}&category=%c3`]: 'query-malformed category',
            [`${HERE}&category=%ED%A0%80`]: 'query-malformed category',
            [`${HERE}&category=%C0%AF`]: 'query-malformed category',
            [`${HERE}&%E9=1`]: 'query-malformed -',
            [`${HERE}&category=${'%C3%A9'.repeat(101)}`]: 'parameter-out-of-range category',
            [`${HERE}&category=${'x'.repeat(8192)}`]: 'query-too-long -',
            [`${HERE}&precision=2`]: 'parameter-out-of-range precision',
            [`${HERE}&precision=5.0`]: 'parameter-invalid precision',
            [`${HERE}&limit=101`]: 'parameter-out-of-range limit',
            [`${HERE}&limit=1e1`]: 'parameter-invalid limit',
            [`${HERE}&radius=0`]: 'parameter-out-of-range radius',
            [`${HERE}&radius=1e999`]: 'parameter-out-of-range radius',
            [`${HERE}&radius=+5`]: 'parameter-invalid radius',
            [`${NEARBY}?mode=cell`]: 'parameter-missing lat',
            [`${NEARBY}?mode=cell&lat=1`]: 'parameter-missing lon',
            [`${NEARBY}?mode=cell&lat=90.0000001&lon=0`]: 'parameter-out-of-range lat',
            [`${NEARBY}?mode=cell&lat=0&lon=-181`]: 'parameter-out-of-range lon',
            [`${NEARBY}?mode=cell&lat=NaN&lon=0`]: 'parameter-invalid lat',
            [`${NEARBY}?mode=cell&lat=0x10&lon=0`]: 'parameter-invalid lat',
            [`${NEARBY}?mode=cell&lat=Infinity&lon=0`]: 'parameter-invalid lat',
            [`${NEARBY}?mode=cell&lat=.&lon=0`]: 'parameter-invalid lat',
            [`${NEARBY}?mode=cell&lat=1,5&lon=0`]: 'parameter-invalid lat',
            [`${CELL}?mode=cell`]: 'parameter-unknown mode',
            [CELL.replace('u09tv', 'U09TV')]: 'parameter-invalid cell',
            [CELL.replace('gh', 'GH')]: 'parameter-invalid cell',
            [CELL.replace('u09tv', 'u09ta')]: 'parameter-invalid cell',
            [CELL.replace('u09tv', '')]: 'parameter-invalid cell',
            [CELL.replace('u09tv', 'u09tvw0123456')]: 'parameter-invalid cell',
            [CELL.replace('u09tv', 'u0')]: 'parameter-out-of-range cell',
            [CELL.replace('u09tv', 'u09tvw01')]: 'parameter-out-of-range cell',
            [CELL.replace('gh:u09tv', 'h3:8f1fb46625550c3')]: 'parameter-out-of-range cell',
            [CELL.replace('gh:u09tv', 'h3:851FB467FFFFFFF')]: 'parameter-invalid cell',
            [CELL.replace('gh:u09tv', 'h3:85080003fffffff').replace('85080003', '85084003')]: 'parameter-invalid cell',
            [CELL.replace('gh:u09tv', 'h3:851fb467ffffffff')]: 'parameter-invalid cell',
            [CELL.replace('gh:u09tv', 'gh%zzu09tv')]: 'query-malformed cell',
            [CELL.replace('wineries', 'Wineries')]: 'parameter-invalid collection',
            [CELL.replace('wineries', 'wine%2Fries')]: 'parameter-invalid collection',
            [CELL.replace('wineries', 'wineries%0d%0a')]: 'parameter-invalid collection',
            [CELL.replace('wineries', '%ff')]: 'query-malformed collection',
            [CELL.replace('wineries', 'w'.repeat(65))]: 'parameter-invalid collection',
        };
        for (const [url, want] of Object.entries(cases)) assert.equal(await refused(url), want, url);
    });

    test('a query may have 2,048 bytes', async () => {
        const pad = (length) => `${HERE}${'&'.repeat(length - HERE.length + NEARBY.length + 1)}`;
        assert.equal((await of(pad(2048))).uri, '/v1/collections/wineries/cells/gh:u09t/nearby');
        assert.equal(await refused(pad(2049)), 'query-too-long -');
        assert.equal(await refused(`${HERE}&category=${'é'.repeat(1010)}`), 'query-too-long -');
    });
});

describe('properties', () => {
    // A small generator of its own, so that a failure can be repeated.
    let state = 20250721;
    const random = (below) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
    };
    const pick = (list) => list[random(list.length)];
    const encode = (text) => [...Buffer.from(text)].map((byte) => {
        const hex = byte.toString(16).padStart(2, '0');
        const plain = /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte));
        return plain && random(3) ? String.fromCharCode(byte) : `%${random(2) ? hex : hex.toUpperCase()}`;
    }).join('');
    const shuffled = (list) => list.map((item) => [random(1e9), item]).sort(([a], [b]) => a - b).map(([, item]) => item);
    const CANONICAL = /^\/v1\/collections\/[a-z0-9][a-z0-9_-]{0,63}\/cells\/(gh:[0-9b-hjkmnp-z]{3,7}|h3:8[0-9a-f]{14})\/nearby(\?category=([A-Za-z0-9._~-]|%[0-9A-F]{2})+)?$/;

    test('one meaning has one URL, one URL has one meaning', async () => {
        const texts = ['wine bar', 'é', '日本', 'a&b=c', "it's (*)!", '+', '%', '100%25', '🍷', '~', '/', '?x=1', '#'];
        for (let i = 0; i < 5000; i++) {
            const category = pick([undefined, ...texts]);
            const parts = [['mode', 'cell'], ['lat', '48.8566'], ['lon', '2.3522']];
            if (category !== undefined) parts.push(['category', category]);
            if (random(2)) parts.push(['radius', String(1 + random(200000))]);
            if (random(2)) parts.push(['limit', String(1 + random(100))]);
            const query = shuffled(parts).map(([name, value]) => `${encode(name)}=${encode(value)}`).join(pick(['&', '&&']));
            const { uri } = await of(`/v1/collections/${encode('wineries')}/nearby?${query}`);
            const [path, kept] = uri.split('?category=');
            assert.equal(path, '/v1/collections/wineries/cells/gh:u09t/nearby');
            assert.equal(kept && decodeURIComponent(kept), category);
        }
    });

    test('whatever comes, the answer is one of three, and a canonical URL is its own', async () => {
        const bits = ['mode=cell', 'lat=1', 'lon=2', 'category=', '&', '=', '%', '%0d%0a', '%00', 'é', '\u{1f377}', '+', '%2B', '%25', '%C3%A9',
            '%ff', 'limit=5', 'radius=9', 'precision=6', 'cursor', ';', '#', '\u0001', ' ', 'x', 'MODE=CELL', '%6d%6f%64%65=%63%65%6c%6c', '&&', '?'];
        const paths = [NEARBY, CELL, CELL.replace('gh:u09tv', 'h3:851fb467fffffff'), '/v1/collections/%77/nearby', CELL.replace(':', '%3a'),
            CELL.replace('u09tv', 'U09'), '/v1/collections/%/nearby'];
        const seen = { pass: 0, uri: 0, problem: 0 };
        for (let i = 0; i < 20000; i++) {
            const start = pick(['', 'lat=1&lon=2&mode=cell&', 'mode=cell&', 'category=']);
            const url = `${pick(paths)}?${start}${Array.from({ length: random(6) }, () => pick(bits)).join(pick(['', '&']))}`;
            const got = await of(url);
            seen[Object.keys(got)[0]] += 1;
            if (got.problem) assert.ok(got.problem.status === 400 && got.problem.title && got.problem.detail, url);
            if (!got.uri) continue;
            assert.match(got.uri, CANONICAL, url);
            assert.deepEqual(await of(got.uri), { uri: got.uri });
        }
        assert.ok(seen.pass > 1000 && seen.uri > 1000 && seen.problem > 1000, JSON.stringify(seen));
    });
});

test('canonicalize.mjs answers line by line', () => {
    const tool = fileURLToPath(new URL('../canonicalize.mjs', import.meta.url));
    const input = `${HERE}\n${NEARBY}\n${HERE}&x=1`;
    const lines = spawnSync(process.execPath, [tool], { input, encoding: 'utf8' }).stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.slice(0, 2), [{ uri: '/v1/collections/wineries/cells/gh:u09t/nearby' }, { pass: NEARBY }]);
    assert.equal(lines[2].problem.parameter, 'x');
});
