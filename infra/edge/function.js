// CloudFront Function: one URL for every spelling of a cell answer (docs/EDGE.md). At most 10 KB.
import cf from 'cloudfront';

const BASE32 = '0123456789bcdefghjkmnpqrstuvwxyz';
const FINEST = 7;
const PENTAGONS = [4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117];
const COARSEST = 3;
const DEFAULT_PRECISION = 4;
const MAX_QUERY_BYTES = 2048;
const MAX_CATEGORY_BYTES = 200;
const MAX_CATEGORIES = 8;
const MAX_LIMIT = 100;
const MAX_RADIUS_M = 200000;

const NEARBY = ['lat', 'lon', 'radius', 'limit', 'category', 'precision', 'mode', 'cursor'];
const CELL = ['category'];

async function handler(event) {
  const request = event.request;
  if (request.method !== 'GET' && request.method !== 'HEAD') return request;
  const route = /^\/v1\/collections\/([^\/]*)\/(?:cells\/([^\/]*)\/)?nearby$/.exec(request.uri);
  const query = rawQuery(request);
  if (!route || (route[2] === undefined && !asksForCell(query))) return request;
  try {
    const url = await canonical(route[1], route[2], query);
    request.uri = '/v1/collections/' + url.collection + '/cells/' + url.cell + '/nearby';
    request.querystring = url.category === undefined ? {} : { category: { value: encode(url.category) } };
    return request;
  } catch (thrown) {
    if (!thrown.title) throw thrown;
    return refusal(thrown);
  }
}

async function canonical(rawCollection, rawCell, query) {
  const collection = segment(rawCollection, 'collection');
  if (!is(collection, /^[a-z0-9][a-z0-9_-]{0,63}$/)) throw invalid('not the name of a collection', 'collection');
  if (rawCell !== undefined) {
    const given = segment(rawCell, 'cell');
    checkCell(given);
    return { collection: collection, cell: given, category: category(parse(query, CELL)) };
  }
  const values = parse(query, NEARBY);
  const lat = degrees(values, 'lat', 90);
  const lon = degrees(values, 'lon', 180);
  const radius = values.radius === undefined ? 1 : decimal(values, 'radius');
  if (radius <= 0 || radius > MAX_RADIUS_M) throw outOfRange('radius', 'metres, more than 0 and at most ' + MAX_RADIUS_M);
  whole(values, 'limit', 1, MAX_LIMIT);
  const names = category(values);
  const precision = whole(values, 'precision', COARSEST, FINEST);
  if (values.cursor !== undefined) throw invalid('a cell has no cursor', 'cursor');
  const hash = geohash([lon, lat]);
  const length = precision === undefined ? await mapped(collection, hash) : precision;
  return { collection: collection, cell: 'gh:' + hash.slice(0, length), category: names };
}

function checkCell(text) {
  const geohash = is(text, /^gh:[0-9b-hjkmnp-z]{1,12}$/);
  if (!geohash && !isH3(text)) throw invalid('`cell` must be gh:<geohash> or h3:<index>, in lower case', 'cell');
  const level = geohash ? text.length - 3 : parseInt(text.charAt(4), 16);
  if (level < COARSEST || level > (geohash ? FINEST : 9)) {
    throw outOfRange('cell', 'of geohash precision 3 to 7 or H3 resolution 3 to 9');
  }
}

function isH3(text) {
  if (!is(text, /^h3:8[0-9a-f]{14}$/)) return false;
  const bits = text.slice(5).replace(/./g, (digit) => ('000' + parseInt(digit, 16).toString(2)).slice(-4));
  const base = parseInt(bits.slice(0, 7), 2);
  const digits = bits.slice(7).replace(/.../g, (three) => parseInt(three, 2));
  const form = new RegExp('^[0-6]{' + parseInt(text.charAt(4), 16) + '}7*$');
  return base < 122 && form.test(digits) && !(PENTAGONS.indexOf(base) >= 0 && /^0*1/.test(digits));
}

async function mapped(collection, hash) {
  try {
    const maps = cf.kvs();
    const row = await maps.get(collection + ':' + hash.slice(0, 2));
    const mark = is(row, /^[03-7x]{32}$/) ? row.charAt(digitAt(hash, 2)) : 0;
    if (mark !== 'x') return Number(mark) || DEFAULT_PRECISION;
    const below = await maps.get(collection + ':' + hash.slice(0, 4));
    return Number(fine(below, hash)) || DEFAULT_PRECISION;
  } catch (e) {
    return DEFAULT_PRECISION;
  }
}

// A digit for all of a geohash-4 cell, or 32 marks and for each `x` 35 bits, which say 6 or 7.
function fine(row, hash) {
  if (is(row, /^[5-7]$/)) return row;
  const bitsOf = (at) => 25 + 7 * row.slice(0, at).split('x').length;
  if (!is(row, /^[5-7x]{32}[0-9b-hjkmnp-z]*$/) || row.length !== bitsOf(32)) return 0;
  const at = digitAt(hash, 4);
  if (row.charAt(at) !== 'x') return row.charAt(at);
  const bit = digitAt(hash, 5);
  return 6 + ((digitAt(row, bitsOf(at) + Math.floor(bit / 5)) >> bit % 5) & 1);
}

function digitAt(text, at) {
  return BASE32.indexOf(text.charAt(at));
}

function geohash(at) {
  const low = [-180, -90];
  const high = [180, 90];
  let text = '';
  for (let bit = 0, digit = 0; bit < 5 * FINEST; bit++) {
    const axis = bit % 2;
    const middle = (low[axis] + high[axis]) / 2;
    const upper = at[axis] >= middle;
    (upper ? low : high)[axis] = middle;
    digit = ((2 * digit) % 32) + upper;
    if (bit % 5 === 4) text += BASE32.charAt(digit);
  }
  return text;
}

// As it was sent; older runtimes have pieces.
function rawQuery(request) {
  const raw = typeof request.rawQueryString === 'function' ? request.rawQueryString() : '';
  if (raw) return raw;
  const fields = request.querystring || {};
  const parts = [];
  Object.keys(fields).forEach((name) =>
    (fields[name].multiValue || [fields[name]]).forEach((one) => parts.push(name + '=' + one.value)));
  return parts.join('&');
}

// `mode=cell`, however it is encoded. One look, for a query may be long.
function asksForCell(query) {
  return /(?:^|&)(?:m|%6[dD])(?:o|%6[fF])(?:d|%64)(?:e|%65)=(?:c|%63)(?:e|%65)(?:l|%6[cC]){2}(?![^&])/.test(query);
}

function parse(query, known) {
  if (query.length > MAX_QUERY_BYTES || byteLength(encodeURIComponent(query)) > MAX_QUERY_BYTES) {
    throw fault('query-too-long', 'more than ' + MAX_QUERY_BYTES + ' bytes');
  }
  const values = {};
  // Of more parts than names one is at fault; the first may be empty.
  query.replace(/&+/g, '&').split('&', known.length + 2).forEach((part) => {
    if (part === '') return;
    const equals = (part + '=').indexOf('=');
    const name = decode(part.slice(0, equals));
    if (known.indexOf(name) < 0) throw fault('parameter-unknown', 'no such parameter here', name);
    if (values[name] !== undefined) throw fault('parameter-repeated', '`' + name + '` is repeated', name);
    const value = decode(part.slice(equals + 1), name);
    if (value === '' || /[\u0000-\u001f\u007f-\u009f]/.test(value)) {
      throw invalid('`' + name + '` is empty or has control characters', name);
    }
    values[name] = value;
  });
  return values;
}

function decode(text, name) {
  return segment(text.replace(/\+/g, ' '), name);
}

function segment(text, name) {
  try {
    return decodeURIComponent(text);
  } catch (e) {
    throw fault('query-malformed', 'not percent-encoded UTF-8', name);
  }
}

// The runtime's `$` matches before a last line feed too.
function is(text, pattern) {
  return pattern.test(text) && text.indexOf('\n') < 0;
}

function degrees(values, name, bound) {
  if (values[name] === undefined) throw fault('parameter-missing', '`' + name + '` is required', name);
  const number = decimal(values, name);
  if (number < -bound || number > bound) throw outOfRange(name, '-' + bound + ' to ' + bound);
  return number;
}

function decimal(values, name) {
  const text = values[name];
  if (is(text, /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/)) return Number(text);
  throw invalid('`' + name + '` is not a number', name);
}

function whole(values, name, least, most) {
  const text = values[name];
  if (text === undefined) return text;
  if (!is(text, /^-?[0-9]+$/)) throw invalid('`' + name + '` is not a whole number', name);
  const number = Number(text);
  if (number < least || number > most) throw outOfRange(name, least + ' to ' + most);
  return number;
}

// Sorted, each once, with commas, backslashes and a leading `!` escaped.
function category(values) {
  if (values.category === undefined) return undefined;
  const text = trim(values.category);
  const not = text.charAt(0) === '!' ? '!' : '';
  const list = [''];
  text.slice(not.length).replace(/\\([,!\\])|(,)|[^\\,]+|\\/g, (all, escaped, comma) => {
    if (comma) list.push('');
    else list[list.length - 1] += escaped || all;
  });
  const names = list.map(trim).sort().filter((one, i, all) => one !== all[i - 1]);
  if (names[0] === '') throw invalid('a category is empty', 'category');
  if (names.length > MAX_CATEGORIES) throw outOfRange('category', 'at most ' + MAX_CATEGORIES);
  return not + names.map(encode).sort().map(plain).join(',');
}

function plain(name) {
  if (byteLength(name) > MAX_CATEGORY_BYTES) throw outOfRange('category', '1 to ' + MAX_CATEGORY_BYTES + ' bytes each');
  return decodeURIComponent(name).replace(/[,\\]|^!/g, '\\$&');
}

// Not by a pattern, which would try every run of spaces anew.
function trim(text) {
  let from = 0;
  let to = text.length;
  while (text.charAt(from) === ' ') from++;
  while (to > from && text.charAt(to - 1) === ' ') to--;
  return text.slice(from, to);
}

function byteLength(encoded) {
  return encoded.replace(/%../g, '.').length;
}

function encode(text) {
  const most = encodeURIComponent(text).replace(/!/g, '%21').replace(/'/g, '%27');
  return most.replace(/\(/g, '%28').replace(/\)/g, '%29').replace(/\*/g, '%2A');
}

function invalid(detail, name) {
  return fault('parameter-invalid', detail, name);
}

function outOfRange(name, allowed) {
  return fault('parameter-out-of-range', '`' + name + '` must be ' + allowed, name);
}

// query-malformed: Malformed query; query-too-long: Query too long.
function fault(kind, detail, parameter) {
  const words = kind.split('-');
  const text = (words.length > 2 ? words : words.reverse()).join(' ');
  const title = text.charAt(0).toUpperCase() + text.slice(1);
  return { type: '/problems/' + kind, title: title, status: 400, detail: detail, parameter: parameter };
}

function refusal(problem) {
  return {
    statusCode: 400,
    statusDescription: 'Bad Request',
    headers: {
      'content-type': { value: 'application/problem+json' },
      'cache-control': { value: 'no-store' },
      'access-control-allow-origin': { value: '*' },
    },
    body: { encoding: 'text', data: JSON.stringify(problem) },
  };
}
