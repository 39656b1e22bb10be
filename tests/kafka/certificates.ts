import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate authority of one's own and a broker's certificate for loopback, by openssl, as PEM files in `folder`. */
export interface Certificates {
  /** What a client trusts. */
  readonly caFile: string;
  /** The broker's key (PKCS 8) and certificate in one file, as Kafka's PEM stores want them. */
  readonly keyStoreFile: string;
}

/** Throws where openssl is missing. */
export function createCertificates(folder: string): Certificates {
  const file = (name: string): string => join(folder, name);
  const [caKey, caFile, key, request, certificate] = ['ca.key', 'ca.pem', 'broker.key', 'broker.csr', 'broker.pem'].map(
    file,
  );
  if (!caKey || !caFile || !key || !request || !certificate) throw new Error('five files');
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', caKey, '-out', caFile, '-days', '2', '-subj', '/CN=millrace test CA');
  openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', '/CN=localhost');
  const extensions = file('broker.ext');
  writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signing = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions];
  openssl('x509', '-req', '-in', request, ...signing, '-out', certificate);
  const keyStoreFile = file('keystore.pem');
  writeFileSync(keyStoreFile, readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'));
  return { caFile, keyStoreFile };
}

function openssl(...args: readonly string[]): void {
  const { error, status, stderr } = spawnSync('openssl', args, { encoding: 'utf8', timeout: 60_000 });
  if (error) throw error;
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
