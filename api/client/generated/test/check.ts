// What the programs have in common: where the server is, and how they say that something is wrong.

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export const server = given('CELLAR_SERVER');
export const collection = given('CELLAR_COLLECTION');

export function check(what: string, isRight: boolean): void {
  if (!isRight) throw new Error(`${what}: not as expected`);
}
