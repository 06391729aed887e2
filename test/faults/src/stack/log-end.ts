import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';

/** The last bytes of a log, as text. Empty if there is no log. */
export function readLogEnd(path: string, maxBytes: number): string {
  if (!existsSync(path)) return '';
  const { size } = statSync(path);
  const bytes = Buffer.alloc(Math.min(size, maxBytes));
  const file = openSync(path, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
  } finally {
    closeSync(file);
  }
  return bytes.toString('utf8');
}
