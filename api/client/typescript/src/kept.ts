// Cell answers that are kept: fresh ones spare a request, older ones serve while nothing can be reached.
//
// What is handed out was read for that very URL. All that is kept was sent in at most so many bytes; the oldest goes first.

import { cellOf } from './cells.js';
import type { Lifetime } from './fresh.js';
import { cellAnswer } from './read.js';
import type { CellAnswer } from './refine.js';
import { cellPath } from './wanted.js';

/** Where answers outlive the page: `localStorage`, or whatever else has these. */
export interface AnswerStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Answers in storage, at most. */
const MAX_STORED = 32;

/** What is known of an answer besides what it says. */
export interface Sent {
  readonly collection: string;
  readonly category: string | undefined;
  /** The cell's geohash. */
  readonly geohash: string;
  /** When it was asked for, and how old it was then: milliseconds since 1970, and milliseconds. */
  readonly asked: number;
  readonly age: number;
  readonly lifetime: Lifetime;
}

/** An answer that is kept. */
export interface Entry extends Sent {
  readonly answer: CellAnswer;
  /** Length of its body. */
  readonly size: number;
}

/** The path of an answer. */
function pathOf({ collection, category, geohash }: Sent): string {
  return cellPath(collection, `gh:${geohash}`, category);
}

/** The answers in memory, by path, and in storage if there is one. */
export class Kept {
  private readonly entries = new Map<string, Entry>();
  private size = 0;
  private loaded = false;

  constructor(
    private readonly capacity: number,
    private readonly storage: AnswerStorage | undefined,
    private readonly name: string,
  ) {}

  /** The answer of a path, if it is still fresh. */
  get(path: string, now: number): Entry | undefined {
    this.load();
    const entry = this.entries.get(path);
    // A clock that was put back makes nothing younger.
    const fresh = entry && entry.asked <= now && now < entry.asked + entry.lifetime.fresh * 1000;
    return fresh ? entry : undefined;
  }

  /** All answers of a collection and category that may be used when nothing can be reached, the latest first. */
  last(collection: string, category: string | undefined): Entry[] {
    this.load();
    const usable = (entry: Entry) =>
      entry.lifetime.stale && entry.collection === collection && entry.category === category;
    return [...this.entries.values()].filter(usable).reverse();
  }

  /** Keeps an answer, and its body in storage. */
  put(entry: Entry, body: string): void {
    if (entry.size > this.capacity || !(entry.lifetime.fresh > 0 || entry.lifetime.stale)) return;
    this.load();
    this.add(entry);
    this.attempt((storage) => {
      const { answer: _, ...sent } = entry;
      storage.setItem(this.name + pathOf(entry), JSON.stringify({ ...sent, body }));
      const paths = [...this.entries.keys()];
      paths.splice(0, paths.length - MAX_STORED).forEach((path) => storage.removeItem(this.name + path));
      storage.setItem(this.name, JSON.stringify(paths));
    });
  }

  private add(entry: Entry): void {
    const path = pathOf(entry);
    this.drop(path);
    this.entries.set(path, entry);
    this.size += entry.size;
    for (const oldest of this.entries.keys()) {
      if (this.size > this.capacity) {
        this.drop(oldest);
        this.attempt((storage) => storage.removeItem(this.name + oldest));
      }
    }
  }

  private drop(path: string): void {
    this.size -= this.entries.get(path)?.size ?? 0;
    this.entries.delete(path);
  }

  /** Reads what is stored, once. It passes the same checks as what is sent. */
  private load(): void {
    if (this.loaded) return;
    this.loaded = true;
    this.attempt((storage) => {
      const paths: string[] = JSON.parse(storage.getItem(this.name) ?? '[]');
      for (const path of paths) {
        this.attempt(() => {
          const { body, ...sent } = JSON.parse(storage.getItem(this.name + path)!) as Sent & { body: string };
          const answer = cellAnswer(body, cellOf(sent.geohash), path, sent.category);
          const entry = { ...sent, category: sent.category, answer, size: body.length };
          if (pathOf(entry) === path) this.add(entry);
        });
      }
    });
  }

  /** Storage may be full, forbidden or spoilt: then there is none. */
  private attempt(use: (storage: AnswerStorage) => void): void {
    try {
      if (this.storage) use(this.storage);
    } catch {
      // As if there were none.
    }
  }
}
