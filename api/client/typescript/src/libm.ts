// Sine, cosine and arcsine to the same bits as the server's (docs/adr/0027): those of FreeBSD's msun, as the Rust crate
// `libm` has them, for the angles that distances are made of. JavaScript leaves the last bits of its own to the engine.
//
/*! libm: Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a Sun Microsystems, Inc.
business. Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is
preserved. */

const view = new DataView(new ArrayBuffer(8));

/** The upper half of a number's bits, without the sign. */
function high(x: number): number {
  view.setFloat64(0, x);
  return view.getUint32(0) & 0x7fffffff;
}

/** The number with the lower half of its bits 0. */
function upper(x: number): number {
  view.setFloat64(0, x);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

// π/2 in pieces: each the next 33 bits, and what is left after it. e_rem_pio2.c.
const PIO2_1 = 1.57079632673412561417;
const PIO2_1T = 6.07710050650619224932e-11;
const PIO2_2 = 6.0771005063039659766e-11;
const PIO2_2T = 2.02226624879595063154e-21;
const PIO2_3 = 2.0222662487111664558e-21;
const PIO2_3T = 8.47842766036889956997e-32;
const INV_PIO2 = 6.36619772367581382433e-1;
/** Adding and subtracting it rounds to a whole number. */
const TO_INT = 1.5 / 2.220446049250313e-16;

/** How many quarter turns are in an angle of up to 5π/4, and what is left, as a sum of two numbers. */
function quarters(x: number): [number, number, number] {
  const bits = high(x);
  // Near a quarter turn and a half turn most digits cancel.
  if ((bits & 0xfffff) === 0x921fb) return cancelled(x, bits);
  const n = (bits <= 0x4002d97c ? 1 : 2) * (x < 0 ? -1 : 1);
  const z = x - n * PIO2_1;
  const y = z - n * PIO2_1T;
  return [n, y, z - y - n * PIO2_1T];
}

function cancelled(x: number, bits: number): [number, number, number] {
  const n = x * INV_PIO2 + TO_INT - TO_INT;
  let r = x - n * PIO2_1;
  let w = n * PIO2_1T;
  let y = r - w;
  const lost = () => (bits >> 20) - (high(y) >> 20);
  if (lost() > 16) {
    let t = r;
    w = n * PIO2_2;
    r = t - w;
    w = n * PIO2_2T - (t - r - w);
    y = r - w;
    if (lost() > 49) {
      t = r;
      w = n * PIO2_3;
      r = t - w;
      w = n * PIO2_3T - (t - r - w);
      y = r - w;
    }
  }
  return [n, y, r - y - w];
}

/** k_sin.c: the sine of x + y within ±π/4; `exact` if y is 0. */
function sinNear(x: number, y: number, exact: boolean): number {
  const z = x * x;
  const w = z * z;
  const r =
    8.33333333332248946124e-3 +
    z * (-1.98412698298579493134e-4 + z * 2.75573137070700676789e-6) +
    z * w * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10);
  const v = z * x;
  const s1 = -1.66666666666666324348e-1;
  return exact ? x + v * (s1 + z * r) : x - (z * (0.5 * y - v * r) - y - v * s1);
}

/** k_cos.c: the cosine of x + y within ±π/4. */
function cosNear(x: number, y: number): number {
  const z = x * x;
  const w2 = z * z;
  const r =
    z * (4.16666666666666019037e-2 + z * (-1.38888888888741095749e-3 + z * 2.48015872894767294178e-5)) +
    w2 * w2 * (-2.75573143513906633035e-7 + z * (2.08757232129817482790e-9 + z * -1.13596475577881948265e-11));
  const hz = 0.5 * z;
  const w = 1 - hz;
  return w + (1 - w - hz + (z * r - x * y));
}

/** s_sin.c: the sine of an angle in radians, at most 5π/4 either way. */
export function sin(x: number): number {
  const bits = high(x);
  if (bits < 0x3e500000) return x;
  if (bits <= 0x3fe921fb) return sinNear(x, 0, true);
  const [n, y0, y1] = quarters(x);
  const value = n & 1 ? cosNear(y0, y1) : sinNear(y0, y1, false);
  return n & 2 ? -value : value;
}

/** s_cos.c: the cosine of an angle in radians, at most 5π/4 either way. */
export function cos(x: number): number {
  const bits = high(x);
  if (bits < 0x3e46a09e) return 1;
  if (bits <= 0x3fe921fb) return cosNear(x, 0);
  const [n, y0, y1] = quarters(x);
  const value = n & 1 ? sinNear(y0, y1, false) : cosNear(y0, y1);
  return (n + 1) & 2 ? -value : value;
}

const PIO2_HI = 1.570796326794896558;
const PIO2_LO = 6.12323399573676603587e-17;

/** The rational approximation of (asin(x) − x) / x³, by z = x². */
function ratio(z: number): number {
  const p =
    z *
    (1.66666666666666657415e-1 +
      z *
        (-3.25565818622400915405e-1 +
          z *
            (2.01212532134862925881e-1 +
              z * (-4.00555345006794114027e-2 + z * (7.91534994289814532176e-4 + z * 3.4793310759602116757e-5)))));
  const q =
    1 +
    z *
      (-2.40339491173441421878 +
        z * (2.02094576023350569471 + z * (-6.88283971605453293030e-1 + z * 7.70381505559019352791e-2)));
  return p / q;
}

/** e_asin.c: the arcsine of a number from 0 to 1, in radians. */
export function asin(x: number): number {
  const bits = high(x);
  if (x >= 1) return PIO2_HI;
  if (bits < 0x3fe00000) return bits < 0x3e500000 && bits >= 0x100000 ? x : x + x * ratio(x * x);
  const z = (1 - x) * 0.5;
  const s = Math.sqrt(z);
  const r = ratio(z);
  if (bits >= 0x3fef3333) return PIO2_HI - (2 * (s + s * r) - PIO2_LO);
  const f = upper(s);
  const c = (z - f * f) / (s + f);
  return 0.5 * PIO2_HI - (2 * s * r - (PIO2_LO - 2 * c) - (0.5 * PIO2_HI - 2 * f));
}
