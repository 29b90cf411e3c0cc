// Checks the OpenAPI document of a live server with two linters, makes clients of it, and lets each of them talk to the server.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { dataDirectory, load, serve } from '../../typescript/test/support/server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const project = dirname(here);
const work = resolve(process.argv[2]);
const bin = join(project, 'node_modules/.bin');
const collection = 'wineries';

/** A hundred places to the north of the equator, a kilometre apart. */
const places = Array.from({ length: 100 }, (_, index) => ({
  id: `w-${index}`, lat: index / 100, lon: 0, properties: { name: `Winery ${index}`, category: 'winery' },
}));

/** Runs a program to its end; what it writes is shown if that is not well. */
async function run(what, program, args, { env = {}, cwd = project } = {}) {
  const started = Date.now();
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`${what} ended with ${code}:\n${output}`);
  console.log(`${what}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

const data = dataDirectory();
const server = await serve(data.path);
try {
  await load(server.base, { name: collection, places });
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'typescript'), { recursive: true });
  const documents = [];
  for (const name of ['openapi.json', 'openapi-3.0.json']) {
    const document = join(work, name);
    writeFileSync(document, await (await fetch(`${server.base}/${name}`)).text());
    documents.push(document);
  }
  const [document] = documents;
  const quiet = { SPECTRAL_DISABLE_TELEMETRY: '1', REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  for (const one of documents) {
    await run(`spectral ${one}`, join(bin, 'spectral'), ['lint', '--ruleset', join(project, '.spectral.yaml'), '--fail-severity=error', one], { env: quiet });
    await run(`redocly ${one}`, join(bin, 'redocly'), ['lint', '--config', join(project, 'redocly.yaml'), one], { env: quiet });
  }

  const env = { CELLAR_SERVER: server.base, CELLAR_COLLECTION: collection };
  const typescript = join(work, 'typescript');
  const maven = ['-q', '-B', `-Ddocument=${document}`, `-Dwork=${work}`, '-f', join(project, 'pom.xml')];
  await run('OpenAPI Generator: Kotlin, Python, TypeScript', 'mvn', [...maven, 'generate-sources']);

  await run('openapi-typescript', join(bin, 'openapi-typescript'), [document, '-o', join(typescript, 'openapi.d.ts')]);
  for (const file of ['check.ts', 'fetch.ts', 'openapi-fetch.ts']) cpSync(join(here, file), join(typescript, file));
  writeFileSync(join(typescript, 'package.json'), '{"type":"module"}');
  symlinkSync(join(project, 'node_modules'), join(typescript, 'node_modules'));
  const strict = ['--strict', '--noUncheckedIndexedAccess', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2022,dom'];
  const files = ['fetch.ts', 'openapi-fetch.ts'];
  await run('tsc --strict', join(bin, 'tsc'), [...strict, '--types', 'node', '--outDir', 'out', ...files], { cwd: typescript });
  writeFileSync(join(typescript, 'out/package.json'), '{"type":"module"}');
  for (const program of ['fetch.js', 'openapi-fetch.js']) await run(program, 'node', [join(typescript, 'out', program)], { env });

  const python = join(work, '../clients-venv/bin/python');
  await run('client.py', python, [join(here, 'client.py')], { env: { ...env, PYTHONPATH: join(work, 'python') } });

  await run('Kotlin', 'mvn', [...maven, '-Dcodegen.skip=true', 'compile', 'exec:java'], { env });
} finally {
  await server.stop();
  data.remove();
}
