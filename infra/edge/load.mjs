// function.js for node: CloudFront's module `cloudfront` is replaced by a map of density rows.
import { readFileSync } from 'node:fs';

export const source = readFileSync(new URL('function.js', import.meta.url), 'utf8');

/** Density rows of a file: an object of keys and values, or what CloudFront imports. */
export function readRows(file) {
    const json = JSON.parse(readFileSync(file, 'utf8'));
    return json.data ? Object.fromEntries(json.data.map(({ key, value }) => [key, value])) : json;
}

/** The handler, over density rows in an object (`{'wineries:u0': '5555…'}`) or a function of the key. */
export function load(rows = {}) {
    const get = async (key) => {
        const row = typeof rows === 'function' ? await rows(key) : rows[key];
        if (row === undefined) throw new Error('key not found');
        return row;
    };
    const body = source.replace(/^import cf from 'cloudfront';$/m, '');
    return new Function('cf', `'use strict'; ${body}; return handler;`)({ kvs: () => ({ get }) });
}

/** A viewer-request event for a path with its query string, as CloudFront sends it. */
export function event(url, { method = 'GET', raw = true, headers = {} } = {}) {
    const at = url.indexOf('?');
    const query = at < 0 ? undefined : url.slice(at + 1);
    const request = {
        method,
        uri: at < 0 ? url : url.slice(0, at),
        querystring: fields(query ?? ''),
        headers,
        cookies: {},
    };
    if (raw) request.rawQueryString = () => query;
    return { version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '192.0.2.1' }, request };
}

function fields(query) {
    const found = {};
    for (const part of query.split('&').filter(Boolean)) {
        const [name, ...rest] = part.split('=');
        const value = rest.join('=');
        if (!Object.hasOwn(found, name)) found[name] = { value };
        else (found[name].multiValue ??= [{ value: found[name].value }]).push({ value });
    }
    return found;
}

/** What the handler makes of a URL: `{pass}`, `{uri}` or `{problem}`. */
export async function canonicalize(handler, url, options) {
    const sent = event(url, options);
    const before = sent.request.uri;
    const querystring = sent.request.querystring;
    const answer = await handler(sent);
    if (answer.statusCode) return { problem: JSON.parse(answer.body.data) };
    if (answer.uri === before && answer.querystring === querystring) return { pass: url };
    const query = Object.entries(answer.querystring).map(([name, { value }]) => `${name}=${value}`).join('&');
    return { uri: answer.uri + (query && `?${query}`) };
}
