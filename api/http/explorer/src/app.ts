// The page: a form, a map, and how the last search was answered.

import { cellOf } from '../../../client/typescript/src/cells.js';
import type { Found, Position, Wanted } from '../../../client/typescript/src/index.js';
import { BASE, collections, type Measured, needsKey, type Page, pages, sample, search, type Searched, told } from './api.js';
import { curlHeader, setKey } from './key.js';
import { MapView } from './map.js';
import { circle, type Outline, rectangle } from './shapes.js';

function element<T extends Element = HTMLElement>(selector: string): T {
  return document.querySelector<T>(selector)!;
}

const form = element<HTMLFormElement>('#search');
const fields = form.elements as unknown as Record<string, HTMLInputElement & HTMLSelectElement>;
const status = element('#status');
const map = new MapView(element<HTMLCanvasElement>('#map'), (position) => searchAt(position));

/** What is on the map. */
let shown: { outlines: Outline[]; places: readonly Position[]; user: Position | undefined } = {
  outlines: [],
  places: [],
  user: undefined,
};
/** Ends the search under way when another begins. */
let current = new AbortController();

function say(text: string, failed = false): void {
  status.textContent = text;
  status.classList.toggle('failed', failed);
}

/** A new element with a class and what is in it. */
function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** Tells of a failure, unless it is that of a search that another one has ended. */
async function attempt(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  current.abort();
  const { signal } = (current = new AbortController());
  try {
    await run(signal);
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

/** Tells what went wrong, and asks for a key if one would have helped. */
function fail(error: unknown): void {
  say(told(error), true);
  if (needsKey(error) && !document.querySelector('#access')) askForKey();
}

/** A form of its own, so that the key is no part of what the page's address says. */
function askForKey(): void {
  status.before(element<HTMLTemplateElement>('#keyed').content.cloneNode(true));
  const access = element<HTMLFormElement>('#access');
  access.addEventListener('submit', (event) => {
    event.preventDefault();
    setKey((access.elements.namedItem('key') as HTMLInputElement).value.trim());
    access.remove();
    say('Asking with the key …');
    start().catch(fail);
  });
}

// ---- What is wanted ----

function wanted(): Wanted {
  const number = (name: string) => fields[name]!.valueAsNumber;
  return {
    collection: fields.collection!.value,
    category: fields.category!.value || undefined,
    lat: number('lat'),
    lon: number('lon'),
    radius: number('radius'),
    limit: number('limit'),
  };
}

function searchAt({ lat, lon }: Position): void {
  // Five decimals are a metre.
  fields.lat!.value = lat.toFixed(5);
  fields.lon!.value = lon.toFixed(5);
  if (form.reportValidity()) void attempt(run);
}

/** The address of the page says what is wanted, so that it can be sent to somebody. */
function remember(): void {
  const values = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  history.replaceState(null, '', `#${new URLSearchParams(values)}`);
}

function recall(): boolean {
  const values = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of values) {
    if (fields[name]) fields[name].value = value;
  }
  return values.has('lat') && values.has('lon');
}

// ---- A search ----

async function run(signal: AbortSignal): Promise<void> {
  const asked = wanted();
  remember();
  say('Searching …');
  map.lookAt(asked, asked.radius);
  show({ outlines: [circle('radius', asked, asked.radius)], places: [], user: asked });
  const cells: Searched[] = [];
  const exact: Searched[] = [];
  for (let turn = 0; turn < 2; turn++) {
    // The exact endpoint first, while what it reads is not in the caches yet.
    exact.push(await search('exact', asked, signal));
    cells.push(await search('nearby', asked, signal));
  }
  const looked = await pages(asked, signal);
  const requests = cells[0]!.requests;
  const outlines = [...looked.map(({ outline }) => outline), ...drawn(requests), circle('radius', asked, asked.radius)];
  show({ outlines, places: cells[0]!.found.hits, user: asked });
  listRequests([...requests, ...exact[0]!.requests], [...cells[1]!.requests, ...exact[1]!.requests]);
  listPlaces(cells[0]!.found);
  say(summary(cells[0]!.found, exact[0]!.found, requests, looked));
}

/** Cells asked for, each with the circle within which its list is complete. */
function drawn(requests: readonly Measured[]): Outline[] {
  return requests.flatMap(({ cell }) => {
    if (!cell) return [];
    const { centre, precision } = cellOf(cell.name.slice(3));
    return [rectangle('cell', centre, precision), circle('certificate', centre, cell.certified)];
  });
}

function summary(found: Found, exact: Found, requests: readonly Measured[], looked: readonly Page[]): string {
  const { hits, cell } = found;
  const count = hits.length === 1 ? '1 place' : `${hits.length} places`;
  const nearest = hits[0] ? `, the nearest ${metres(hits[0].distance)} away` : '';
  const certified = requests.find((request) => request.cell?.name === cell)?.cell?.certified;
  const by = cell
    ? `The answer of cell ${cell} vouches for it: its list is complete up to ${metres(certified ?? 0)} from its centre.`
    : 'No cell could vouch for it, so the exact endpoint was asked.';
  const results = (of: Found) => JSON.stringify(of.hits.map(({ id, distance }) => [id, distance]));
  const same = results(found) === results(exact) ? 'says the same, to the last bit' : 'says something else';
  const read = looked.length === 1 ? '1 page' : `${looked.length} pages`;
  return `${count}${nearest}. ${by} The exact endpoint ${same}; it looks at ${read}.`;
}

function metres(value: number): string {
  return value < 1_000 ? `${Math.round(value)} m` : `${(value / 1_000).toFixed(1)} km`;
}

// ---- How it is shown ----

function show(scene: typeof shown, marked?: number): void {
  shown = scene;
  map.show({ ...scene, marked });
}

function listPlaces({ hits }: Found): void {
  const lines = hits.map(({ id, distance, properties }, index) => {
    const name = typeof properties.name === 'string' ? properties.name : id;
    const category = typeof properties.category === 'string' ? ` ${properties.category}` : '';
    const line = make('button', '', make('span', '', name, make('small', '', category)), make('span', '', metres(distance)));
    line.type = 'button';
    const point = () => show(shown, index);
    line.addEventListener('focus', point);
    line.addEventListener('pointerenter', point);
    return make('li', '', line);
  });
  element('#places').replaceChildren(...(lines.length > 0 ? lines : [make('li', '', 'Nothing within the radius.')]));
}

function listRequests(first: readonly Measured[], again: readonly Measured[]): void {
  const rows = first.map((request) => {
    const { path } = request;
    const row = make('tr', '', make('td', '', label(path)), cell(request), cell(again.find((other) => other.path === path)));
    row.append(make('td', '', curl(path)));
    return row;
  });
  element('#requests').replaceChildren(...rows);
}

function label(path: string): string {
  if (path.endsWith('/edge-map')) return 'density map';
  return /\/cells\/([^/]+)\//.exec(path)?.[1] ?? 'exact';
}

/** Time, tiers and work of a request. */
function cell(request: Measured | undefined): HTMLTableCellElement {
  if (!request) return make('td', '', '–');
  const { ms, status, tiers, work, bytes } = request;
  const made = make('td', '', `${ms.toFixed(1)} ms${status === 200 ? '' : `, status ${status}`}`);
  for (const tier of [...tiers].reverse()) {
    made.append(make('small', tier.had, `${tier.name} ${tier.detail ?? tier.had}`));
  }
  made.append(make('small', '', `${work ? `${work}, ` : ''}${(bytes / 1_000).toFixed(1)} KB`));
  return made;
}

/** A button that copies a request for a shell. */
function curl(path: string): HTMLButtonElement {
  const button = make('button', '', 'curl');
  button.type = 'button';
  const command = `curl -i --compressed${curlHeader()} '${BASE}${path.replaceAll("'", '%27')}'`;
  button.title = command;
  button.addEventListener('click', () => {
    // Pages that came over plain HTTP from elsewhere have no clipboard: then there is the command to select.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const copied = clipboard ? clipboard.writeText(command) : Promise.reject(new Error('no clipboard'));
    copied.then(
      () => say('Copied.'),
      () => say(command),
    );
  });
  return button;
}

// ---- The page begins ----

function whereIAm(): void {
  if (!navigator.geolocation) {
    say('This browser does not tell where it is.', true);
    return;
  }
  say('Asking the browser where it is …');
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => searchAt({ lat: coords.latitude, lon: coords.longitude }),
    () => say('The browser does not tell where it is.', true),
    { timeout: 10_000 },
  );
}

/** Fills in what there is in the collection; begins at one of its places if nothing else is wanted. */
async function enter(begin: boolean): Promise<void> {
  const { categories, position } = await sample(fields.collection!.value);
  const options = categories.map((category) => Object.assign(document.createElement('option'), { value: category }));
  element('#categories').replaceChildren(...options);
  if (begin && position) searchAt(position);
  else if (!position) say('This collection has no places.');
}

async function start(): Promise<void> {
  const all = await collections();
  if (all.length === 0) return say('There is no collection yet: import one, or try `cellar demo`.');
  fields.collection!.replaceChildren(
    ...all.map(({ id, title }) => Object.assign(document.createElement('option'), { value: id, textContent: title })),
  );
  const recalled = recall();
  await enter(!recalled);
  if (recalled && form.reportValidity()) await attempt(run);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(run);
});
fields.collection!.addEventListener('change', () => {
  fields.category!.value = '';
  enter(true).catch(fail);
});
element('#closer').addEventListener('click', () => map.zoom(2));
element('#farther').addEventListener('click', () => map.zoom(0.5));
element('#here').addEventListener('click', whereIAm);
start().catch(fail);
