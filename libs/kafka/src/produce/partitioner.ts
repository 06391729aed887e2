import { PARTITIONS } from '@orderstream/contracts';

export function partitionFor(key: Buffer | string, partitions: number = PARTITIONS): number {
  throw new Error(`not built yet: ${String(key)} ${String(partitions)}`);
}
