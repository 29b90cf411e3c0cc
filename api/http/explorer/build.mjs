// Builds the page into one file, explorer.html, which the server has within it. With --check it says whether that is what
// would be built.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import { build, transform } from 'esbuild';

import { basemap } from './basemap.mjs';

const PAGE = new URL('explorer.html', import.meta.url);
const source = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** What the script imports as `basemap`: shapes as text. */
const shapes = {
  name: 'basemap',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^basemap$/ }, () => ({ path: 'basemap', namespace: 'basemap' }));
    onLoad({ filter: /.*/, namespace: 'basemap' }, () => ({ contents: basemap(), loader: 'text' }));
  },
};

const bundle = await build({
  entryPoints: [new URL('src/app.ts', import.meta.url).pathname],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'eof',
  charset: 'utf8',
  write: false,
  plugins: [shapes],
});
const script = bundle.outputFiles[0].text;
const { code: style } = await transform(source('style.css'), { loader: 'css', minify: true });

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
// The page runs and shows what stands in it, and talks to its own server; nothing else.
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

// Functions, since `$` in a text that is put in would mean something.
const page = source('page.html')
  .replace('{{policy}}', () => policy)
  .replace('{{style}}', () => style)
  .replace('{{script}}', () => script);

if (process.argv.includes('--check')) {
  if (readFileSync(PAGE, 'utf8') !== page) {
    console.error('explorer.html is not what its sources make: run `npm run build` in api/http/explorer');
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, page);
}
