#!/usr/bin/env node
// Reads URLs (path and query string) as lines and writes what function.js makes of each as lines of JSON:
// {"pass":url}, {"uri":canonical} or {"problem":{…}}. An argument names a file of density rows.
import { once } from 'node:events';

import { canonicalize, load, readRows } from './load.mjs';

const handler = load(process.argv[2] ? readRows(process.argv[2]) : {});

async function answer(lines) {
    let out = '';
    for (const line of lines) {
        out += JSON.stringify(await canonicalize(handler, line)) + '\n';
    }
    if (out && !process.stdout.write(out)) await once(process.stdout, 'drain');
}

let rest = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    await answer(lines);
}
if (rest) await answer([rest]);
