// A server in the process, as docs/EDGE.md has it, that a client asks instead of the network.

import { ANSWER_MAX, cellOf } from '../../dist/cells.js';
import { bruteForce } from './world.mjs';

const CELL = /^\/v1\/collections\/([^/]+)\/cells\/(gh:[^/]+)\/nearby$/;
const SEARCH = /^\/v1\/collections\/([^/]+)\/nearby$/;

function feature({ id, lat, lon, properties }, more = {}) {
  return { type: 'Feature', ...more, id, geometry: { type: 'Point', coordinates: [lon, lat] }, properties };
}

function problem(status, detail, more = {}) {
  const body = JSON.stringify({ type: '/problems/x', title: 'X', status, detail, ...more });
  return new Response(body, { status, headers: { 'content-type': 'application/problem+json' } });
}

/** Serves the places of some sites. */
export class Origin {
  base = 'http://cellar.test';
  /** What was asked for: path and query. */
  asked = [];
  headers = { 'cache-control': 'public, max-age=30, s-maxage=300' };
  maxRadius = 200_000;
  /** Bodies of density maps by collection. */
  maps = {};
  /** Answers in place of the origin's: takes the path and a function for the honest answer. */
  instead = (_, honest) => honest();

  constructor(sites) {
    this.sites = new Map(sites.map((site) => [site.name, site]));
    this.byId = new Map(sites.map(({ name, places }) => [name, new Map(places.map((place) => [place.id, place]))]));
  }

  /** Requests for cells so far. */
  get cells() {
    return this.asked.filter((path) => path.includes('/cells/'));
  }

  fetch = async (url, init) => {
    init.signal?.throwIfAborted();
    const path = url.slice(this.base.length);
    this.asked.push(path);
    const answer = this.instead(path, () => this.answer(path));
    const aborted = new Promise((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal.reason));
    });
    return Promise.race([answer, aborted]);
  };

  answer(path) {
    const url = new URL(path, this.base);
    const map = /^\/v1\/collections\/([^/]+)\/edge-map$/.exec(url.pathname);
    if (map) {
      const body = this.maps[map[1]];
      return body === undefined ? problem(404, 'no map') : new Response(body);
    }
    const name = (CELL.exec(url.pathname) ?? SEARCH.exec(url.pathname))?.[1];
    const site = this.sites.get(name);
    if (!site) return problem(404, `there is no collection \`${name}\``);
    return CELL.test(url.pathname) ? this.cell(site, path, url) : this.search(site, url);
  }

  cell(site, path, url) {
    const cell = cellOf(CELL.exec(url.pathname)[2].slice(3));
    const category = url.searchParams.get('category') ?? undefined;
    const all = bruteForce(site, { ...cell.centre, radius: cell.horizon, limit: ANSWER_MAX + 1, category });
    const listed = all.slice(0, ANSWER_MAX);
    const certified = all.length > ANSWER_MAX ? Math.floor(listed.at(-1)[1]) : cell.horizon;
    const document = {
      type: 'FeatureCollection',
      cell: cell.name,
      certified_radius_m: certified,
      numberReturned: listed.length,
      links: [{ rel: 'self', href: path }],
      features: listed.map(([id]) => feature(this.byId.get(site.name).get(id))),
    };
    return new Response(JSON.stringify(document), { headers: this.headers });
  }

  search(site, url) {
    const number = (name) => Number(url.searchParams.get(name));
    const [lat, lon, radius, limit] = ['lat', 'lon', 'radius', 'limit'].map(number);
    if (radius > this.maxRadius) {
      const allowed = `more than 0 and at most ${this.maxRadius}`;
      return problem(400, `\`radius\` must be ${allowed}`, { parameter: 'radius', allowed });
    }
    const category = url.searchParams.get('category') ?? undefined;
    const found = bruteForce(site, { lat, lon, radius, limit, category });
    const features = found.map(([id, metres]) => feature(this.byId.get(site.name).get(id), { distance_m: metres }));
    const document = { type: 'FeatureCollection', numberReturned: features.length, links: [], features };
    return new Response(JSON.stringify(document), { headers: { 'cache-control': 'private, no-store' } });
  }
}
