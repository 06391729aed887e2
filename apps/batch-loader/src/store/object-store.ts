/** A small object whose changes are compared and set, such as a lock. */
export interface Document {
  readonly text: string;
  /** Changes with every write. */
  readonly generation: string;
}

/**
 * Where the blocks of a run keep their output, and runs and locks their documents. Keys are paths with `/`.
 *
 * Documents and files are apart: a key is one or the other. A write of either is atomic, so a reader sees all of it or
 * nothing. `object-store.features.ts` holds what every implementation promises.
 */
export interface ObjectStore {
  /** For people: `gs://bucket/prefix` or the path of the folder. */
  readonly location: string;
  /** Undefined if there is none. */
  readDocument(key: string): Promise<Document | undefined>;
  /**
   * Writes a document if it is still of this generation; undefined: if there is none yet.
   * @returns the new generation, or undefined if another write came first
   */
  writeDocument(key: string, text: string, generation: string | undefined): Promise<string | undefined>;
  /** Replaces the file of this key. */
  putFile(key: string, path: string): Promise<void>;
  /** @throws ObjectMissingError */
  getFile(key: string, path: string): Promise<void>;
  /** The keys below a prefix, sorted, of documents and files. */
  list(prefix: string): Promise<readonly string[]>;
  /** Deletes everything below a prefix. */
  deleteAll(prefix: string): Promise<void>;
  /** The address of a file that BigQuery reads by itself; undefined if it cannot. */
  warehouseUri(key: string): string | undefined;
}
