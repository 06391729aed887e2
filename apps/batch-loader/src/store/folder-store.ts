import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ObjectMissingError } from '../errors';
import { type Document, type ObjectStore } from './object-store';

/** A document `run.json` of generation 3 is the file `run.json@3`. */
const VERSION = /^(?<key>.*)@(?<generation>\d+)$/s;
const TEMPORARY = '.writing-';

/**
 * An object store in a folder of this machine.
 *
 * Failure semantics: a file is written under another name and renamed. Each generation of a document is a file of its own,
 * linked from a temporary one: the link fails if another process has written that generation, so of several writers one
 * succeeds. A process that is killed leaves a temporary file or an old generation, which nobody reads.
 */
export class FolderStore implements ObjectStore {
  readonly location: string;

  constructor(folder: string) {
    this.location = resolve(folder);
  }

  async readDocument(key: string): Promise<Document | undefined> {
    for (;;) {
      const latest = await this.latest(key);
      if (latest === 0) return undefined;
      try {
        return { text: await readFile(this.version(key, latest), 'utf8'), generation: String(latest) };
      } catch (error) {
        // A later generation was written, and this one deleted.
        if (!isMissing(error)) throw error;
      }
    }
  }

  async writeDocument(key: string, text: string, generation: string | undefined): Promise<string | undefined> {
    const before = generation === undefined ? 0 : Number(generation);
    if ((await this.latest(key)) !== before) return undefined;
    const next = before + 1;
    const path = this.version(key, next);
    const temporary = await this.writeTemporary(dirname(path), text);
    try {
      await link(temporary, path);
    } catch (error) {
      if (isExisting(error)) return undefined;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
    // A slow writer may have created a generation that was already replaced and deleted. The latest one decides.
    if ((await this.latest(key)) > next) {
      await rm(path, { force: true });
      return undefined;
    }
    if (before > 0) await rm(this.version(key, before), { force: true });
    return String(next);
  }

  async putFile(key: string, path: string): Promise<void> {
    const target = this.path(key);
    await mkdir(dirname(target), { recursive: true });
    const temporary = join(dirname(target), `${TEMPORARY}${randomUUID()}`);
    try {
      await copyFile(path, temporary);
      const file = await open(temporary, 'r');
      await file.sync();
      await file.close();
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async getFile(key: string, path: string): Promise<void> {
    try {
      await copyFile(this.path(key), path);
    } catch (error) {
      if (isMissing(error)) throw new ObjectMissingError(`${this.location}/${key}`, error);
      throw error;
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const keys = new Set<string>();
    const entries = await readdir(this.location, { recursive: true, withFileTypes: true }).catch(ifMissing([]));
    for (const entry of entries) {
      if (!entry.isFile() || entry.name.startsWith(TEMPORARY)) continue;
      const name = relative(this.location, join(entry.parentPath, entry.name)).split(sep).join('/');
      const key = VERSION.exec(name)?.groups?.key ?? name;
      if (key.startsWith(prefix)) keys.add(key);
    }
    return [...keys].sort();
  }

  async deleteAll(prefix: string): Promise<void> {
    for (const key of await this.list(prefix)) {
      await rm(this.path(key), { force: true });
      for (let latest = await this.latest(key); latest > 0; latest = await this.latest(key)) {
        await rm(this.version(key, latest), { force: true });
      }
    }
  }

  warehouseUri(): undefined {
    return undefined;
  }

  private path(key: string): string {
    const path = join(this.location, key);
    if (!path.startsWith(this.location + sep)) throw new TypeError(`${key} is outside of the store`);
    return path;
  }

  private version(key: string, generation: number): string {
    return `${this.path(key)}@${generation}`;
  }

  /** 0 if there is none. */
  private async latest(key: string): Promise<number> {
    const path = this.path(key);
    const names = await readdir(dirname(path)).catch(ifMissing([]));
    const generations = names.map((name) => {
      const { groups } = VERSION.exec(join(dirname(path), name)) ?? {};
      return groups?.key === path ? Number(groups.generation) : 0;
    });
    return Math.max(0, ...generations);
  }

  private async writeTemporary(folder: string, text: string): Promise<string> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${TEMPORARY}${randomUUID()}`);
    const file = await open(path, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;
const isMissing = (error: unknown): boolean => hasCode(error, 'ENOENT');
const isExisting = (error: unknown): boolean => hasCode(error, 'EEXIST');

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (!isMissing(error)) throw error;
    return value;
  };
}
