import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The cluster id of the broker whose data is in this folder. A folder that is not formatted yet gets a new one, so that
 * each stack on one machine recognizes its own broker.
 */
export function clusterIdOfData(logs: string): string {
  const file = join(logs, 'meta.properties');
  if (!existsSync(file)) return newClusterId();
  const id = /^cluster\.id=(\S+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (id === undefined) throw new Error(`${file} has no cluster.id: npm start -- --reset starts with empty data`);
  return id;
}

/** Kafka's format: 16 bytes in base64url. Like Kafka's own ids it does not begin with a dash, which looks like an option. */
function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
