import { readFileSync, statSync } from 'node:fs';

/** Larger than any secret: the tokens of 64 operators are 8 kB. */
const MAX_BYTES = 65_536;

/** The content of a file, or what is wrong with it. */
export type SecretFile = { readonly text: string } | { readonly problem: string };

/**
 * Reads a secret from a file, without the line breaks at its end, which editors and `echo` add.
 *
 * @returns a problem that completes "the file that it names …"; it contains neither the path nor the content
 */
export function readSecretFile(path: string): SecretFile {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) {
      return { problem: 'is a directory; Docker creates one in place of a file that does not exist on the host' };
    }
    // Reading a pipe can wait for ever.
    if (!stats.isFile()) return { problem: 'is not a regular file' };
    if (stats.size > MAX_BYTES) return { problem: `is larger than ${String(MAX_BYTES)} bytes` };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replace(/[\r\n]+$/, '');
    return text === '' ? { problem: 'is empty' } : { text };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  const code = String((error as NodeJS.ErrnoException).code);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist';
    case 'EACCES':
    case 'EPERM':
      return `cannot be read by the user of this process (${code}, user id ${String(process.getuid?.())})`;
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'is not text in UTF-8';
    default:
      return `cannot be read (${code})`;
  }
}
