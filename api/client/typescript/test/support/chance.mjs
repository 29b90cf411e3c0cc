// Numbers that look random and are the same each time (mulberry32).

export function chance(seed) {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    /** From low to high, high not included. */
    between: (low, high) => low + (high - low) * next(),
    /** A whole number from low to high. */
    whole: (low, high) => low + Math.floor((high - low + 1) * next()),
    one: (list) => list[Math.floor(list.length * next())],
    next,
  };
}
