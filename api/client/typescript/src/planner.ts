// Which cell to ask for next: the protocol of a client, without requests.
//
// Results are those of `refine`, so they are exact whatever was guessed here.

import { ANSWER_MAX, type Cell, cellAt, COARSEST, DEFAULT_PRECISION, FINEST, geohash } from './cells.js';
import { type CellAnswer, type Hit, isCut, type Query, refine, type Refined, SLACK_M } from './refine.js';
import { distance } from './sphere.js';

/** Most cells that one plan asks for. */
const MAX_TRIES = 3;
/** Neighbourhoods are geohash cells of this precision: 5 km wide. */
const NEIGHBOURHOOD = 5;

/** Which precisions worked, by scope, neighbourhood and kind of request; the oldest entry goes first. */
export class PlannerMemory {
  private readonly precisions = new Map<string, number>();

  constructor(private readonly capacity = 4096) {}

  recall(query: Query, scope: string): number | undefined {
    return this.precisions.get(key(query, scope));
  }

  learn(query: Query, scope: string, precision: number): void {
    this.precisions.set(key(query, scope), precision);
    if (this.precisions.size > this.capacity) {
      for (const oldest of this.precisions.keys()) {
        this.precisions.delete(oldest);
        break;
      }
    }
  }
}

/** What like requests share: scope, neighbourhood, and the radius and the limit to within a factor of two. */
function key(query: Query, scope: string): string {
  const like = [Math.max(query.radius, 1), query.limit].map((value) => Math.floor(Math.log2(value)));
  return [geohash(query, NEIGHBOURHOOD), ...like, scope].join(' ');
}

/** The plan of one request. */
export class Planner {
  /** The cell to ask for first. */
  readonly first: Cell;
  private readonly tried: string[];

  /** `scope` names what is searched; `hint` is the precision that a density map notes for the position. */
  constructor(
    private readonly query: Query,
    private readonly scope: string,
    hint: number | undefined,
    private readonly memory: PlannerMemory,
  ) {
    const precision = memory.recall(query, scope) ?? hint;
    const known = precision !== undefined && precision >= COARSEST && precision <= FINEST;
    this.first = cellAt(query, known ? precision : DEFAULT_PRECISION);
    this.tried = [this.first.name];
  }

  /** Takes the answer of the cell asked for last: the hits, the next cell, or nothing if the exact endpoint is next. */
  answered(answer: CellAnswer): { hits: Hit[] } | { next: Cell } | undefined {
    const refined = refine(answer, this.query);
    if (refined.exact) {
      this.memory.learn(this.query, this.scope, coarsestAsGood(answer, this.query, refined));
      return { hits: refined.hits };
    }
    const precision = after(answer, this.query, refined);
    if (precision === undefined || this.tried.length >= MAX_TRIES) return undefined;
    const next = cellAt(this.query, precision);
    if (this.tried.includes(next.name)) return undefined;
    this.tried.push(next.name);
    return { next };
  }
}

/** The precision to ask for after an answer that was not certified; nothing if none promises more. */
function after(answer: CellAnswer, query: Query, refined: Refined): number | undefined {
  const { reach, last } = refined;
  // How far the next answer must reach, unless there are nearer places that this one did not list.
  const need = Math.min(last ?? query.radius, query.radius);
  const { precision } = answer.cell;
  return isCut(answer) ? finer(answer, query, refined, need, precision + 1) : coarser(query, need, reach, precision - 1);
}

/**
 * The coarsest finer precision whose answer should reach as far as needed, if places are spread evenly: then M of them
 * end √(M / limit) times as far away as `limit` of them do.
 */
function finer(answer: CellAnswer, query: Query, { reach, last }: Refined, need: number, from: number) {
  const { certified } = answer;
  const stretch = Math.sqrt(ANSWER_MAX / query.limit);
  const lists = last !== undefined && reach > 0;
  const reaches = lists ? Math.min(certified, last * stretch) : certified;
  // If the list ends before the user: it tells how dense it is elsewhere, and it is hardly denser here.
  const needs = lists ? need : Math.min(query.radius, certified / stretch);
  for (let precision = from; precision <= FINEST; precision++) {
    const cell = cellAt(query, precision);
    if (reaches - distance(cell.centre, query) - SLACK_M > needs) return precision;
  }
  return undefined;
}

/** The finest coarser precision whose horizon is wide enough; else the one that sees farthest, if farther than now. */
function coarser(query: Query, need: number, reach: number, from: number): number | undefined {
  let [farthest, best]: [number, number | undefined] = [reach, undefined];
  for (let precision = from; precision >= COARSEST; precision--) {
    const cell = cellAt(query, precision);
    const sees = cell.horizon - distance(cell.centre, query) - SLACK_M;
    if (sees > need) return precision;
    if (sees > farthest) [farthest, best] = [sees, precision];
  }
  return best;
}

/** The coarsest precision that this certified answer proves to be as good for the user. */
function coarsestAsGood(answer: CellAnswer, query: Query, { last }: Refined): number {
  const need = last ?? query.radius;
  const { cell, certified } = answer;
  for (let precision = COARSEST; precision < cell.precision; precision++) {
    const other = cellAt(query, precision);
    const vouched = Math.floor(Math.min(certified - distance(other.centre, cell.centre), other.horizon));
    if (vouched - distance(other.centre, query) - 2 * SLACK_M > need) return precision;
  }
  return cell.precision;
}
