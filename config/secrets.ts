import { readFileSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** A secret that cannot be had. The message names the reference, never a value. */
export class SecretError extends Error {
  readonly code = 'secret_missing';
}

/** The secret behind `env:NAME` or `file:/path` (one trailing line break is not part of it); null when the reference is empty. Throws `SecretError`. */
export function readSecret(reference: string, env: Environment): string | null {
  if (reference === '') return null;
  const secret = reference.startsWith('env:') ? env[reference.slice(4)] : readFile(reference.slice('file:'.length));
  if (!secret) throw new SecretError(`${reference} is ${secret === undefined ? 'not set' : 'empty'}`);
  return secret;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new SecretError(`file:${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}
