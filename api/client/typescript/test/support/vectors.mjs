// The files that clients in every language are tested by, and those of the edge.

import { readFileSync } from 'node:fs';

export function vectors(name) {
  const directory = name === 'edge' ? '../../../../../infra/edge/vectors.json' : `../../../vectors/${name}.json`;
  return JSON.parse(readFileSync(new URL(directory, import.meta.url), 'utf8'));
}
