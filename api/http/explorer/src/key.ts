// The API key that requests are sent with, where reading takes one.

/** What the browser keeps it under: until the tab is closed, for this server's pages only. */
const KEPT = 'cellar-api-key';

/** What there is if the browser keeps nothing for this page. */
let unkept = '';

export function setKey(key: string): void {
  unkept = key;
  try {
    sessionStorage.setItem(KEPT, key);
  } catch {
    // Then it lasts until the page is loaded anew.
  }
}

function key(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? unkept;
  } catch {
    return unkept;
  }
}

/** These headers with the key, if there is one. */
export function withKey(headers?: HeadersInit): Headers {
  const all = new Headers(headers);
  const bearer = key();
  if (bearer) all.set('authorization', `Bearer ${bearer}`);
  return all;
}

/** What a command for a shell needs besides: the key itself stays out of it. */
export function curlHeader(): string {
  return key() ? ' -H "authorization: Bearer $CELLAR_API_KEY"' : '';
}
