import { type Document, type ObjectStore } from '../src/store/object-store';

/** An object store with documents in memory. */
export class MemoryStore implements ObjectStore {
  readonly location = 'memory';
  private readonly documents = new Map<string, Document>();
  private writes = 0;

  readDocument(key: string): Promise<Document | undefined> {
    return Promise.resolve(this.documents.get(key));
  }

  writeDocument(key: string, text: string, generation: string | undefined): Promise<string | undefined> {
    if (this.documents.get(key)?.generation !== generation) return Promise.resolve(undefined);
    const next = String(++this.writes);
    this.documents.set(key, { text, generation: next });
    return Promise.resolve(next);
  }

  putFile(): Promise<void> {
    return Promise.resolve();
  }

  getFile(): Promise<void> {
    return Promise.resolve();
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.documents.keys()].filter((key) => key.startsWith(prefix)).sort());
  }

  deleteAll(prefix: string): Promise<void> {
    for (const key of this.documents.keys()) if (key.startsWith(prefix)) this.documents.delete(key);
    return Promise.resolve();
  }

  warehouseUri(): undefined {
    return undefined;
  }
}
