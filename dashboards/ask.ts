import { apiKey } from './credential.ts';

/** What the server said to a question of the page; `message` is for the person. */
export type Answer =
  | { readonly kind: 'ok'; readonly body: unknown }
  | { readonly kind: 'failed'; readonly status: number; readonly message: string; readonly body: unknown };

/** Asks a path below the page's own address: GET, or POST where there is a body. Never rejects; status 0: nobody answered. */
export async function ask(path: string, body?: object): Promise<Answer> {
  const key = apiKey.value === '' ? {} : { 'x-api-key': apiKey.value };
  const init: RequestInit =
    body === undefined
      ? { headers: key }
      : { method: 'POST', headers: { ...key, 'content-type': 'application/json' }, body: JSON.stringify(body) };
  try {
    const response = await fetch(path, init);
    const said: unknown = await response.json().catch(() => null);
    if (response.ok) return { kind: 'ok', body: said };
    const { message } = (said ?? {}) as { readonly message?: unknown };
    const text = typeof message === 'string' ? message : `the server answered ${response.status}`;
    return { kind: 'failed', status: response.status, message: text, body: said };
  } catch {
    return { kind: 'failed', status: 0, message: 'millrace does not answer', body: null };
  }
}
