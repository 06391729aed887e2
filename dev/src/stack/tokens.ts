import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AdminToken } from '@orderstream/config';

/** The bearer tokens of `/admin` in this stack: made at random once, kept in a file that its owner alone can read. */
export interface StackTokens {
  readonly viewer: string;
  readonly operator: string;
}

export function loadTokens(path: string): StackTokens {
  if (!existsSync(path)) {
    const random = (): string => randomBytes(24).toString('base64url');
    writePrivateFile(path, { viewer: random(), operator: random() } satisfies StackTokens);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as StackTokens;
}

/** What the services are told: who may do what, and the hash of each token. */
export function adminTokens({ viewer, operator }: StackTokens): AdminToken[] {
  const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
  return [
    { name: 'local-viewer', role: 'viewer', sha256: sha256(viewer) },
    { name: 'local-operator', role: 'operator', sha256: sha256(operator) },
  ];
}

/** JSON that nobody else on the machine can read, also when the file was there before with other rights. */
export function writePrivateFile(path: string, content: object): void {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) chmodSync(path, 0o600);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}
