// `cellar serve` as a process, over data of its own.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const BINARY = process.env.CELLAR_BINARY;
const PATIENCE_MS = 60_000;

/** A directory of data, in memory if that can be had: a busy disk takes milliseconds to sync each place. */
export function dataDirectory() {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const directory = mkdtempSync(join(base, 'cellar-client-'));
  return { path: join(directory, 'data'), remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function environment(settings) {
  return { PATH: process.env.PATH, HOME: process.env.HOME, ...settings };
}

/** Runs a command of `cellar` to its end. */
export async function cellar(...args) {
  return promisify(execFile)(BINARY, args, { env: environment({}) });
}

/** Starts a server; it ends with `stop`, or with this process. */
export function serve(data, settings = {}) {
  return start(['serve', '--listen', '127.0.0.1:0', '--data', data], settings);
}

/** Starts a local edge in front of a server: nginx. */
export function edge(origin) {
  // It complains of an origin that is gone.
  return start(['edge', '--listen', '127.0.0.1:0', '--origin', origin], {}, 'ignore');
}

async function start(args, settings, complaints = 'inherit') {
  if (!BINARY) throw new Error('CELLAR_BINARY must name the built command');
  const child = spawn(BINARY, args, { env: environment(settings), stdio: ['ignore', 'pipe', complaints] });
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const base = await new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`not listening: ${output}`)), PATIENCE_MS);
    ended.then((code) => reject(new Error(`ended with ${code}: ${output}`)));
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const address = /listening on (http:\S+)/.exec(output)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { base, stop };
}

/** Writes the places of a site as anybody would. */
export async function load(base, { name, places }) {
  const url = `${base}/v1/collections/${name}`;
  await send('PUT', url, {});
  for (let start = 0; start < places.length; start += 1_000) {
    const features = places.slice(start, start + 1_000).map(({ id, lat, lon, properties }) => ({
      type: 'Feature',
      id,
      geometry: { type: 'Point', coordinates: [lon, lat] },
      properties,
    }));
    await send('POST', `${url}/items`, { type: 'FeatureCollection', features });
  }
}

async function send(method, url, body) {
  const headers = { 'content-type': 'application/geo+json' };
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
}
