// Decimals within a rounding error of where geohash cells meet: halfway between two doubles, and a trace beside it.

/** Numbers from 0 to 1 that are the same in every run. */
export function random(seed) {
    let state = seed >>> 0;
    return () => {
        // mulberry32
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Degrees up to a bound, most of them at a border of cells. */
export function degrees(next, bound) {
    const kind = Math.floor(next() * 8);
    if (kind === 0) return ((next() * 2 - 1) * bound).toFixed(Math.floor(next() * 18));
    if (kind === 1) return ((next() * 2 - 1) * bound).toExponential().replace('+', '');
    const parts = 2 ** (1 + Math.floor(next() * 18));
    const border = Math.abs(-bound + (2 * bound * Math.floor(next() * parts)) / parts) || bound;
    const sign = next() < 0.5 ? '-' : '';
    const { below, middle } = neighbours(border);
    const zeros = '0'.repeat(Math.floor(next() * 30));
    if (kind === 2) return `${sign}${border}`;
    if (kind === 3) return `${sign}${below}`;
    if (kind === 4) return `${sign}${middle}`;
    if (kind === 5) return `${sign}${middle}${zeros}1`;
    if (kind === 6) return `${sign}${middle.slice(0, -1)}4${zeros.replace(/0/g, '9')}9`;
    return `${sign}${BigInt(`${middle}`.replace('.', ''))}e-${middle.length - middle.indexOf('.') - 1}`;
}

/** How many digits of a decimal count. */
export const significant = (text) => text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').length;

/** The double that a decimal is nearest to, or one of its neighbours. */
export function step(text, by) {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, Math.abs(Number(text)));
    bits.setBigUint64(0, bits.getBigUint64(0) + by);
    return Math.sign(Number(text)) * bits.getFloat64(0);
}

// The double below one, and the decimal exactly between the two.
function neighbours(value) {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, value);
    bits.setBigUint64(0, bits.getBigUint64(0) - 1n);
    const below = bits.getFloat64(0);
    // In units of 2^-80, which both are multiples of: borders are sums of halves of 180.
    const units = (double) => BigInt(Math.trunc(double)) * 2n ** 80n + BigInt((double - Math.trunc(double)) * 2 ** 80);
    let rest = (units(value) + units(below)) / 2n;
    let text = `${rest >> 80n}.`;
    for (rest &= 2n ** 80n - 1n; rest > 0n; rest &= 2n ** 80n - 1n) {
        rest *= 10n;
        text += `${rest >> 80n}`;
    }
    return { below, middle: text };
}
