import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterIdOfData } from './cluster-id';

describe('the cluster id of the local broker', () => {
  let logs: string;
  beforeEach(() => {
    logs = mkdtempSync(join(tmpdir(), 'cluster-'));
  });
  afterEach(() => {
    rmSync(logs, { recursive: true });
  });

  it('is a new one in the format of Kafka for each folder that is not formatted', () => {
    const ids = Array.from({ length: 1_000 }, () => clusterIdOfData(logs));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect(id).toMatch(/^[\w][\w-]{21}$/);
      expect(Buffer.from(id, 'base64url')).toHaveLength(16);
    }
  });

  it('is the one that the folder was formatted with', () => {
    const file = join(logs, 'meta.properties');
    writeFileSync(file, '#\n#Thu Nov 26 08:39:18 UTC 2026\nnode.id=1\ncluster.id=kR5lPk0yQ2m3y0T1sA5b6g\nversion=1\n');
    expect(clusterIdOfData(logs)).toBe('kR5lPk0yQ2m3y0T1sA5b6g');
    writeFileSync(file, 'version=1\n');
    expect(() => clusterIdOfData(logs)).toThrow('has no cluster.id');
  });
});
