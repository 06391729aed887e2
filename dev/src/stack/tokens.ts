import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AdminToken } from '@orderstream/config';

/** Bearer tokens for `/admin` of this stack: random, stored in a file that only its owner can read. */
export interface StackTokens {
  readonly viewer: string;
  readonly operator: string;
}

/** Reads the tokens; creates the file when it does not exist. */
export function loadTokens(path: string): StackTokens {
  if (!existsSync(path)) {
    const random = (): string => randomBytes(24).toString('base64url');
    writePrivateFile(path, { viewer: random(), operator: random() } satisfies StackTokens);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as StackTokens;
}

/** The value of ADMIN_TOKENS: name, role and hash of each token. */
export function adminTokens({ viewer, operator }: StackTokens): AdminToken[] {
  const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
  return [
    { name: 'local-viewer', role: 'viewer', sha256: sha256(viewer) },
    { name: 'local-operator', role: 'operator', sha256: sha256(operator) },
  ];
}

/** Writes JSON with mode 0600, also to an existing file with another mode. */
export function writePrivateFile(path: string, content: object): void {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) chmodSync(path, 0o600);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}
