// Headless Chromium looking at a page.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Opens a page until `until` resolves; what pages write to the console. A page that was forbidden something writes there. */
export async function look(url, until) {
  const profile = mkdtempSync(join(tmpdir(), 'cellar-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const logging = ['--enable-logging=stderr', `--user-data-dir=${profile}`];
  const browser = spawn('chromium', [...flags, ...logging, url], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let log = '';
  browser.stderr.on('data', (chunk) => (log += chunk));
  const ended = new Promise((resolve) => browser.once('exit', resolve));
  try {
    const crashed = ended.then((code) => Promise.reject(new Error(`chromium has ended with ${code}: ${log}`)));
    await Promise.race([until, crashed]);
    return log.split('\n').filter((line) => line.includes('CONSOLE'));
  } finally {
    // The browser and all of its processes, which are a group.
    process.kill(-browser.pid, 'SIGTERM');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
