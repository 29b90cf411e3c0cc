// nginx's side of the local edge: runs function.js on each request, says how old an answer is, and forgets answers.
import crypto from 'crypto';
import fs from 'fs';
import cloudfront from 'function.js';

const ENCODINGS = ['', 'gzip', 'br', 'br,gzip'];
// nginx begins a cache file with a C struct of 64-bit integers: the version, until when the answer is fresh, for how
// many seconds it may be used while it is updated, and on errors, Last-Modified, when it was stored or confirmed.
const CACHE_VERSION = 5;
const FRESH_UNTIL = 8;
const STALE_IF_ERROR = 24;
const CONFIRMED = 40;
const STRUCT_BYTES = 48;
// The key and the response's headers follow.
const HEAD_BYTES = 16384;

async function route(r) {
    const url = r.variables.request_uri;
    const at = url.indexOf('?');
    const request = {
        method: r.method,
        uri: at < 0 ? url : url.slice(0, at),
        querystring: {},
        headers: {},
        cookies: {},
        rawQueryString: () => (at < 0 ? undefined : url.slice(at + 1)),
    };
    const before = request.querystring;
    const answer = await cloudfront.handler({ version: '1.0', context: { eventType: 'viewer-request' }, request });
    if (answer.statusCode) {
        refuse(r, answer);
    } else if (answer.querystring === before) {
        r.variables.edge_uri = url;
        r.internalRedirect('@origin');
    } else {
        r.variables.edge_uri = answer.uri + query(answer.querystring);
        r.internalRedirect(mayBeStale(r) ? '@shared_or_stale' : '@shared');
    }
}

function query(fields) {
    const parts = Object.keys(fields).map((name) => `${name}=${fields[name].value}`);
    return parts.length === 0 ? '' : '?' + parts.join('&');
}

function refuse(r, answer) {
    Object.keys(answer.headers).forEach((name) => {
        r.headersOut[name] = answer.headers[name].value;
    });
    r.headersOut['X-Cache'] = 'FunctionGeneratedResponse from edge';
    r.return(answer.statusCode, answer.body.data);
}

// nginx obeys stale-if-error when the origin cannot be reached, but not when it answers with a 5xx: that takes
// a location of its own, which knows no time limit.
function mayBeStale(r) {
    const head = readCached(r);
    return head !== undefined && now() <= head.readUInt32LE(FRESH_UNTIL) + head.readUInt32LE(STALE_IF_ERROR);
}

// Seconds since the origin last wrote or confirmed the answer; empty when it comes from there now.
function age(r) {
    const status = r.variables.upstream_cache_status;
    if (status === 'REVALIDATED') {
        return '0';
    }
    const before = r.variables.upstream_http_age || '';
    const head = /^(HIT|UPDATING|STALE)$/.test(status) ? readCached(r) : undefined;
    return head === undefined ? before : String((Number(before) || 0) + Math.max(0, now() - head.readUInt32LE(CONFIRMED)));
}

function now() {
    return Math.floor(Date.now() / 1000);
}

function readCached(r) {
    const head = readHead(path(r, r.variables.edge_uri, r.variables.edge_encoding), STRUCT_BYTES);
    return head && head.length === STRUCT_BYTES && head.readUInt32LE(0) === CACHE_VERSION ? head : undefined;
}

function path(r, uri, encoding) {
    const hash = crypto.createHash('md5').update(`${uri} ${encoding}`).digest('hex');
    return `${r.variables.edge_cache_dir}/${hash}`;
}

function readHead(file, bytes) {
    // Asked first whether it is there, which for each miss it is not: njs takes 3 ms of processor time to throw an
    // error, since it looks for the names of its own functions in the stack.
    if (fs.statSync(file, { throwIfNoEntry: false }) === undefined) {
        return undefined;
    }
    let descriptor;
    try {
        descriptor = fs.openSync(file, 'r');
        const buffer = Buffer.alloc(bytes);
        const length = fs.readSync(descriptor, buffer, 0, bytes, 0);
        return buffer.slice(0, length);
    } catch (e) {
        return undefined;
    } finally {
        if (descriptor !== undefined) {
            fs.closeSync(descriptor);
        }
    }
}

// Body: {"tags": ["wineries:831fb4fffffffff"], "collections": ["wineries"], "uris": ["/v1/collections/…"], "all": true},
// each of them optional.
function purge(r) {
    if (r.method !== 'POST' || !/^application\/json/.test(r.headersIn['Content-Type'] || '')) {
        r.return(405, 'POST application/json\n');
        return;
    }
    let wanted;
    try {
        wanted = JSON.parse(r.requestText);
    } catch (e) {
        r.return(400, 'not JSON\n');
        return;
    }
    let purged = 0;
    (wanted.uris || []).forEach((uri) => {
        ENCODINGS.forEach((encoding) => {
            purged += remove(path(r, uri, encoding));
        });
    });
    const tags = wanted.tags || [];
    const collections = wanted.collections || [];
    if (wanted.all || tags.length > 0 || collections.length > 0) {
        const dir = r.variables.edge_cache_dir;
        fs.readdirSync(dir).forEach((name) => {
            const head = wanted.all ? undefined : readHead(`${dir}/${name}`, HEAD_BYTES);
            if (wanted.all || tagged(head, tags) || within(head, collections)) {
                purged += remove(`${dir}/${name}`);
            }
        });
    }
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify({ purged }));
}

function tagged(head, tags) {
    const line = head && /\r\ncache-tag:([^\r]*)\r\n/i.exec(head.toString());
    return line && line[1].split(',').some((tag) => tags.indexOf(tag.trim()) >= 0);
}

function within(head, collections) {
    const key = head && /\nKEY: \/v1\/collections\/([^\/]*)\//.exec(head.toString());
    return key && collections.indexOf(key[1]) >= 0;
}

function remove(file) {
    try {
        fs.unlinkSync(file);
        return 1;
    } catch (e) {
        return 0;
    }
}

export default { age, purge, route };
