// The map: a canvas that is moved by mouse, finger, wheel and keys.

import type { Position } from '../../../client/typescript/src/sphere.js';
import { type Basemap, basemap, type Line } from './basemap.js';
import { metresPerSide, type Point, project, unproject } from './mercator.js';
import type { Look, Outline } from './shapes.js';

/** What is drawn over the map. */
export interface Scene {
  readonly outlines: readonly Outline[];
  readonly places: readonly Position[];
  readonly user: Position | undefined;
  /** Index of the place that is pointed out. */
  readonly marked: number | undefined;
}

/** Pixels of the world's side, at least and at most: from all of it to a street. */
const SMALLEST = 256;
const LARGEST = 256 * 2 ** 20;
/** A press that moves farther than this, in pixels, is no click. */
const STILL_PX = 5;
const PAN_PX = 80;

export class MapView {
  private readonly context: CanvasRenderingContext2D;
  private readonly world: Basemap = basemap();
  private readonly pressed = new Map<number, { x: number; y: number }>();
  private centre: Point = { x: 0.5, y: 0.4 };
  private side = 512;
  private scene: Scene = { outlines: [], places: [], user: undefined, marked: undefined };
  private moved = 0;
  private due = false;

  /** `chosen` is told the position that was clicked, or that is in the middle when Enter is pressed. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly chosen: (position: Position) => void,
  ) {
    this.context = canvas.getContext('2d')!;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    canvas.addEventListener('pointerdown', (event) => this.press(event));
    canvas.addEventListener('pointermove', (event) => this.drag(event));
    canvas.addEventListener('pointerup', (event) => this.release(event));
    canvas.addEventListener('pointercancel', (event) => this.pressed.delete(event.pointerId));
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.draw();
  }

  /** Moves so that a circle is in sight. */
  lookAt(position: Position, metres: number): void {
    this.centre = project(position);
    const pixels = Math.min(this.canvas.clientWidth, this.canvas.clientHeight) || 400;
    this.side = bounded((pixels * metresPerSide(position.lat)) / (2.4 * metres));
    this.draw();
  }

  zoom(factor: number): void {
    this.zoomAt(factor, this.canvas.clientWidth / 2, this.canvas.clientHeight / 2);
  }

  private zoomAt(factor: number, px: number, py: number): void {
    const under = this.pointAt(px, py);
    this.side = bounded(this.side * factor);
    const now = this.pointAt(px, py);
    this.centre = { x: this.centre.x + under.x - now.x, y: this.centre.y + under.y - now.y };
    this.draw();
  }

  private pan(px: number, py: number): void {
    const { x, y } = this.centre;
    this.centre = { x: x - px / this.side, y: Math.min(1, Math.max(0, y - py / this.side)) };
    this.draw();
  }

  private pointAt(px: number, py: number): Point {
    const { x, y } = this.centre;
    return {
      x: x + (px - this.canvas.clientWidth / 2) / this.side,
      y: y + (py - this.canvas.clientHeight / 2) / this.side,
    };
  }

  private press(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    if (this.pressed.size === 0) this.moved = 0;
    this.pressed.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.pressed.size > 1) this.moved = Infinity;
  }

  private drag(event: PointerEvent): void {
    const before = this.pressed.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.pressed].find(([id]) => id !== event.pointerId)?.[1];
    this.pressed.set(event.pointerId, now);
    this.moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (other) {
      const apart = (one: Point) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
      this.zoomAt(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else if (this.moved > STILL_PX) {
      this.pan(now.x - before.x, now.y - before.y);
    }
  }

  private release(event: PointerEvent): void {
    if (!this.pressed.delete(event.pointerId) || this.moved > STILL_PX) return;
    this.chosen(unproject(this.pointAt(event.offsetX, event.offsetY)));
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.zoomAt(2 ** ((-event.deltaY * lines) / 300), event.offsetX, event.offsetY);
  }

  private key(event: KeyboardEvent): void {
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.pan(PAN_PX, 0),
      ArrowRight: () => this.pan(-PAN_PX, 0),
      ArrowUp: () => this.pan(0, PAN_PX),
      ArrowDown: () => this.pan(0, -PAN_PX),
      '+': () => this.zoom(2),
      '=': () => this.zoom(2),
      '-': () => this.zoom(0.5),
      Enter: () => this.chosen(unproject(this.centre)),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }

  /** Draws once a frame, however much has changed. */
  private draw(): void {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.paint();
    });
  }

  private paint(): void {
    const { canvas, context } = this;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(canvas);
    const colour = (name: string) => style.getPropertyValue(`--${name}`);
    context.fillStyle = colour('sea');
    context.fillRect(0, 0, width, height);
    context.lineJoin = 'round';
    const [left, right] = [this.pointAt(0, 0).x, this.pointAt(width, 0).x];
    // The world goes round: as many of it as are in sight.
    for (let turn = Math.floor(left); turn <= Math.floor(right); turn++) {
      this.trace(this.world.land, turn);
      context.fillStyle = colour('land');
      context.fill('evenodd');
      this.trace(this.world.borders, turn);
      context.strokeStyle = colour('border');
      context.lineWidth = 1;
      context.stroke();
    }
    for (const outline of this.scene.outlines) this.outline(outline, colour);
    // Under the places: somebody may stand at one.
    if (this.scene.user) this.dot(this.scene.user, 8, colour('user'), colour('halo'));
    this.scene.places.forEach((place, index) => {
      if (index !== this.scene.marked) this.dot(place, 4, colour('place'), colour('halo'));
    });
    const marked = this.scene.places[this.scene.marked ?? -1];
    if (marked) this.dot(marked, 8, colour('marked'), colour('halo'));
    this.scale(colour('text'));
  }

  private pixel(point: Point, turn = 0): Point {
    return {
      x: (point.x + turn - this.centre.x) * this.side + this.canvas.clientWidth / 2,
      y: (point.y - this.centre.y) * this.side + this.canvas.clientHeight / 2,
    };
  }

  private trace(lines: readonly Line[], turn: number): void {
    const { context } = this;
    const [left, right] = [this.pointAt(0, 0).x - turn, this.pointAt(this.canvas.clientWidth, 0).x - turn];
    context.beginPath();
    for (const line of lines) {
      if (line.right >= left && line.left <= right) this.line(line.points, turn);
    }
  }

  private line(points: readonly Point[], turn: number): void {
    points.forEach((point, index) => {
      const { x, y } = this.pixel(point, turn);
      if (index === 0) this.context.moveTo(x, y);
      else this.context.lineTo(x, y);
    });
  }

  /** The turn of the world on which a longitude is nearest to the middle. */
  private turn(x: number): number {
    return Math.round(this.centre.x - x);
  }

  private outline({ look, ring }: Outline, colour: (name: string) => string): void {
    const { context } = this;
    const points = ring.map(([lon, lat]) => project({ lat, lon }));
    context.beginPath();
    this.line(points, this.turn(points[0]!.x));
    const dashes: Partial<Record<Look, number[]>> = { split: [2, 4], certificate: [8, 4] };
    context.setLineDash(dashes[look] ?? []);
    context.lineWidth = look === 'page' || look === 'split' ? 1 : 2;
    context.strokeStyle = colour(look);
    context.stroke();
    context.setLineDash([]);
    if (look === 'radius') {
      context.globalAlpha = 0.08;
      context.fillStyle = colour(look);
      context.fill();
      context.globalAlpha = 1;
    }
  }

  private dot(position: Position, radius: number, fill: string, halo: string): void {
    const { context } = this;
    const point = project(position);
    const { x, y } = this.pixel(point, this.turn(point.x));
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = halo;
    context.stroke();
  }

  /** A line of 1, 2 or 5 times a power of ten metres. */
  private scale(colour: string): void {
    const { context, canvas } = this;
    const metresPerPixel = metresPerSide(unproject(this.centre).lat) / this.side;
    const most = metresPerPixel * Math.min(160, canvas.clientWidth / 3);
    const power = 10 ** Math.floor(Math.log10(most));
    const metres = power * (most >= 5 * power ? 5 : most >= 2 * power ? 2 : 1);
    const [x, y, width] = [12, canvas.clientHeight - 14, metres / metresPerPixel];
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x, y);
    context.lineTo(x + width, y);
    context.lineTo(x + width, y - 4);
    context.stroke();
    context.font = '12px system-ui, sans-serif';
    context.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, x + 4, y - 5);
  }
}

function bounded(side: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, side));
}
