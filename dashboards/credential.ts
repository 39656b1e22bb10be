import { signal } from '@preact/signals';
import type { LiveCredential } from '../live/messages.ts';

const storageKey = 'millrace.key';

/** The API key that the person gave, for this tab; empty where none was asked for. */
export const apiKey = signal(storedKey());

/** What the page presents to the server: a key where one was given, else nothing (which loopback may accept). */
export function credential(): LiveCredential {
  return apiKey.value === '' ? { method: 'anonymous' } : { method: 'key', secret: apiKey.value };
}

/** Remembers the key until the tab is closed. */
export function giveApiKey(key: string): void {
  apiKey.value = key;
  try {
    sessionStorage.setItem(storageKey, key);
  } catch {
    // storage switched off: asked for again after a reload
  }
}

function storedKey(): string {
  try {
    return sessionStorage.getItem(storageKey) ?? '';
  } catch {
    return '';
  }
}
