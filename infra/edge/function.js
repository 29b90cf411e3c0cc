// CloudFront Function: one URL for every spelling of a cell answer (docs/EDGE.md). At most 10 KB.
import cf from 'cloudfront';

const BASE32 = '0123456789bcdefghjkmnpqrstuvwxyz';
const FINEST = 7;
const FINEST_H3 = 9;
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

const TITLES = {
  'parameter-unknown': 'Unknown parameter',
  'parameter-missing': 'Missing parameter',
  'parameter-repeated': 'Repeated parameter',
  'parameter-invalid': 'Invalid parameter',
  'parameter-out-of-range': 'Parameter out of range',
  'query-malformed': 'Malformed query',
  'query-too-long': 'Query too long',
};

async function handler(event) {
  const request = event.request;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return request;
  }
  const route = /^\/v1\/collections\/([^\/]*)\/(?:cells\/([^\/]*)\/)?nearby$/.exec(request.uri);
  const query = rawQuery(request);
  if (!route || (route[2] === undefined && !asksForCell(query))) {
    return request;
  }
  try {
    const answer = await canonical(route[1], route[2], query);
    request.uri = '/v1/collections/' + answer.collection + '/cells/' + answer.cell + '/nearby';
    request.querystring = answer.category === undefined ? {} : { category: { value: encode(answer.category) } };
    return request;
  } catch (thrown) {
    if (!thrown.kind) {
      throw thrown;
    }
    return refusal(thrown);
  }
}

async function canonical(rawCollection, rawCell, query) {
  const collection = segment(rawCollection, 'collection');
  if (!is(collection, /^[a-z0-9][a-z0-9_-]{0,63}$/)) {
    throw invalid('this is not the name of a collection', 'collection');
  }
  if (rawCell !== undefined) {
    const given = segment(rawCell, 'cell');
    checkCell(given);
    return { collection: collection, cell: given, category: category(parse(query, CELL)) };
  }
  const values = parse(query, NEARBY);
  const hash = await quantize(collection, values);
  return { collection: collection, cell: 'gh:' + hash, category: values.category };
}

function checkCell(text) {
  const geohash = is(text, /^gh:[0-9b-hjkmnp-z]{1,12}$/);
  if (!geohash && !isH3(text)) {
    throw invalid('`cell` must be gh:<geohash> or h3:<index>, in lower case', 'cell');
  }
  const level = geohash ? text.length - 3 : parseInt(text.charAt(4), 16);
  if (level < COARSEST || level > (geohash ? FINEST : FINEST_H3)) {
    throw outOfRange('cell', 'of geohash precision 3 to 7 or H3 resolution 3 to 9');
  }
}

function isH3(text) {
  if (!is(text, /^h3:8[0-9a-f]{14}$/)) {
    return false;
  }
  const resolution = parseInt(text.charAt(4), 16);
  const bits = text.slice(5).replace(/./g, (digit) => ('000' + parseInt(digit, 16).toString(2)).slice(-4));
  const base = parseInt(bits.slice(0, 7), 2);
  const digits = bits.slice(7).replace(/.../g, (three) => parseInt(three, 2));
  const used = digits.slice(0, resolution);
  return (
    base < 122 && !/7/.test(used) && /^7*$/.test(digits.slice(resolution)) &&
    !(PENTAGONS.indexOf(base) >= 0 && /^0*1/.test(used))
  );
}

// As fine as asked for, or as the density map says.
async function quantize(collection, values) {
  const lat = degrees(values, 'lat', 90);
  const lon = degrees(values, 'lon', 180);
  radius(values);
  whole(values, 'limit', 1, MAX_LIMIT);
  values.category = category(values);
  const precision = whole(values, 'precision', COARSEST, FINEST);
  if (values.cursor !== undefined) {
    throw invalid('cell answers have no cursor', 'cursor');
  }
  const hash = geohash(lat, lon);
  const length = precision === undefined ? await mapped(collection, hash) : precision;
  return hash.slice(0, length);
}

async function mapped(collection, hash) {
  try {
    const row = await cf.kvs().get(collection + ':' + hash.slice(0, 2));
    const digit = is(row, /^[03-7]{32}$/) ? Number(row.charAt(BASE32.indexOf(hash.charAt(2)))) : 0;
    return digit || DEFAULT_PRECISION;
  } catch (e) {
    return DEFAULT_PRECISION;
  }
}

function geohash(lat, lon) {
  const low = [-180, -90];
  const high = [180, 90];
  let text = '';
  for (let i = 0; i < FINEST; i++) {
    let digit = 0;
    for (let j = 0; j < 5; j++) {
      const axis = (5 * i + j) % 2;
      const value = axis === 0 ? lon : lat;
      const middle = (low[axis] + high[axis]) / 2;
      if (value >= middle) {
        digit = 2 * digit + 1;
        low[axis] = middle;
      } else {
        digit = 2 * digit;
        high[axis] = middle;
      }
    }
    text += BASE32.charAt(digit);
  }
  return text;
}

// As it was sent; older runtimes have it in pieces only.
function rawQuery(request) {
  const raw = typeof request.rawQueryString === 'function' ? request.rawQueryString() : '';
  if (raw) {
    return raw;
  }
  const fields = request.querystring || {};
  const parts = [];
  Object.keys(fields).forEach((name) => {
    (fields[name].multiValue || [fields[name]]).forEach((one) => {
      parts.push(name + '=' + one.value);
    });
  });
  return parts.join('&');
}

function asksForCell(query) {
  return query.split('&').some((part) => {
    if (part.length > 25) {
      return false;
    }
    try {
      return decode(part.split('=')[0]) === 'mode' && decode(part.slice(part.indexOf('=') + 1)) === 'cell';
    } catch (e) {
      return false;
    }
  });
}

function parse(query, known) {
  if (byteLength(encode(query)) > MAX_QUERY_BYTES) {
    throw fault('query-too-long', 'the query may have at most ' + MAX_QUERY_BYTES + ' bytes');
  }
  const values = {};
  query.split('&').forEach((part) => {
    if (part === '') {
      return;
    }
    const equals = part.indexOf('=');
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    if (known.indexOf(name) < 0) {
      throw fault('parameter-unknown', 'there is no such parameter here', name);
    }
    if (values[name] !== undefined) {
      throw fault('parameter-repeated', '`' + name + '` is there more than once', name);
    }
    const value = decode(equals < 0 ? '' : part.slice(equals + 1), name);
    if (value === '' || /[\u0000-\u001f\u007f-\u009f]/.test(value)) {
      throw invalid('`' + name + '` is empty or holds control characters', name);
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
    throw fault('query-malformed', 'this is not percent-encoded UTF-8', name);
  }
}

// The runtime's `$` matches before a last line feed too.
function is(text, pattern) {
  return pattern.test(text) && text.indexOf('\n') < 0;
}

function degrees(values, name, bound) {
  if (values[name] === undefined) {
    throw fault('parameter-missing', '`' + name + '` is required', name);
  }
  const number = decimal(values, name);
  if (!(number >= -bound && number <= bound)) {
    throw outOfRange(name, '-' + bound + ' to ' + bound);
  }
  return number;
}

function radius(values) {
  if (values.radius !== undefined) {
    const meters = decimal(values, 'radius');
    if (!(meters > 0 && meters <= MAX_RADIUS_M)) {
      throw outOfRange('radius', 'metres, more than 0 and at most ' + MAX_RADIUS_M);
    }
  }
}

function decimal(values, name) {
  const text = values[name];
  if (!is(text, /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/)) {
    throw invalid('`' + name + '` is not a number', name);
  }
  return Number(text);
}

function whole(values, name, least, most) {
  const text = values[name];
  if (text === undefined) {
    return text;
  }
  if (!is(text, /^-?[0-9]+$/)) {
    throw invalid('`' + name + '` is not a whole number', name);
  }
  const number = Number(text);
  if (number < least || number > most) {
    throw outOfRange(name, least + ' to ' + most);
  }
  return number;
}

// Sorted, each once, with commas, backslashes and a leading `!` escaped.
function category(values) {
  if (values.category === undefined) {
    return undefined;
  }
  const text = trim(values.category);
  const not = text.charAt(0) === '!' ? '!' : '';
  const list = [''];
  text.slice(not.length).replace(/\\([,!\\])|(,)|[\s\S]/g, (all, escaped, comma) => {
    if (comma) list.push('');
    else list[list.length - 1] += escaped || all;
  });
  const names = list.map((one) => encode(trim(one))).sort().filter((one, i, all) => one !== all[i - 1]);
  names.forEach((one) => {
    if (one === '') {
      throw invalid('a category is empty', 'category');
    }
    if (byteLength(one) > MAX_CATEGORY_BYTES) {
      throw outOfRange('category', '1 to ' + MAX_CATEGORY_BYTES + ' bytes each');
    }
  });
  if (names.length > MAX_CATEGORIES) {
    throw outOfRange('category', 'at most ' + MAX_CATEGORIES);
  }
  return not + names.map((one) => decodeURIComponent(one).replace(/[,\\]|^!/g, '\\$&')).join(',');
}

function trim(text) {
  return text.replace(/^ +| +$/g, '');
}

function byteLength(encoded) {
  return encoded.replace(/%../g, '.').length;
}

function encode(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => '%' + one.charCodeAt(0).toString(16).toUpperCase());
}

function invalid(detail, name) {
  return fault('parameter-invalid', detail, name);
}

function outOfRange(name, allowed) {
  return fault('parameter-out-of-range', '`' + name + '` must be ' + allowed, name);
}

function fault(kind, detail, parameter) {
  return { kind: kind, detail: detail, parameter: parameter };
}

function refusal(found) {
  const problem = {
    type: '/problems/' + found.kind,
    title: TITLES[found.kind],
    status: 400,
    detail: found.detail,
    parameter: found.parameter,
  };
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
