import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Up to where everything that the bridge has committed is known to be in `streaming_orders`. */
export interface CheckedOffsets {
  /** By partition, exclusive. */
  readonly offsets: readonly number[];
  /** Records from these offsets on were not delivered before this time. */
  readonly at: Date;
}

/** What is published and not committed yet may have been delivered so much before the committed offsets were read. */
const MARGIN_MS = 10 * 60_000;

/** Nothing was checked if the file does not exist. */
export function loadCheckedOffsets(file: string): CheckedOffsets {
  if (!existsSync(file)) return { offsets: [], at: new Date(0) };
  const { offsets, at } = JSON.parse(readFileSync(file, 'utf8')) as { offsets: number[]; at: string };
  return { offsets, at: new Date(at) };
}

/** @param readAt when the committed offsets were read */
export function saveCheckedOffsets(file: string, offsets: readonly number[], readAt: Date): void {
  mkdirSync(dirname(file), { recursive: true });
  const at = new Date(readAt.getTime() - MARGIN_MS).toISOString();
  // A kill leaves the old file or the new one.
  writeFileSync(`${file}.new`, `${JSON.stringify({ offsets, at })}\n`);
  renameSync(`${file}.new`, file);
}
