import { type Readable } from 'node:stream';
import { type Bucket, Storage } from '@google-cloud/storage';
import { ObjectMissingError } from '../errors';
import { type Document, type ObjectStore } from './object-store';

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 412;

/**
 * An object store in a bucket of Google Cloud Storage.
 *
 * Failure semantics: an upload is one object, which exists whole or not at all. A document is written with the
 * precondition `ifGenerationMatch`, so of several writers one succeeds. A write whose answer is lost may have
 * succeeded: the client repeats it, and then reads whether its own text is there.
 */
export class GoogleStore implements ObjectStore {
  private readonly bucket: Bucket;
  private readonly prefix: string;

  /**
   * @param location `gs://bucket` or `gs://bucket/prefix`
   * @param apiEndpoint of an emulator, which needs no credentials
   */
  constructor(
    readonly location: string,
    private readonly apiEndpoint?: string,
  ) {
    const { bucket, path } = parseGoogleUri(location);
    this.bucket = storageAt(apiEndpoint).bucket(bucket);
    this.prefix = path === '' ? '' : `${path.replace(/\/$/, '')}/`;
  }

  async readDocument(key: string): Promise<Document | undefined> {
    for (;;) {
      const generation = await this.generationOf(key);
      if (generation === undefined) return undefined;
      try {
        const [content] = await this.bucket.file(this.name(key), { generation }).download();
        return { text: content.toString(), generation };
      } catch (error) {
        // Replaced between the two requests.
        if (!hasCode(error, NOT_FOUND)) throw error;
      }
    }
  }

  async writeDocument(key: string, text: string, generation: string | undefined): Promise<string | undefined> {
    const file = this.bucket.file(this.name(key));
    try {
      await file.save(text, {
        resumable: false,
        contentType: 'application/json',
        preconditionOpts: { ifGenerationMatch: generation ?? 0 },
      });
      const { metadata } = file;
      if (metadata.generation !== undefined) return String(metadata.generation);
    } catch (error) {
      if (!hasCode(error, PRECONDITION_FAILED)) throw error;
    }
    // The answer of a first attempt may be lost: then the document has this text and another generation.
    const found = await this.readDocument(key);
    return found?.text === text && found.generation !== generation ? found.generation : undefined;
  }

  async putFile(key: string, path: string): Promise<void> {
    await this.bucket.upload(path, { destination: this.name(key), validation: 'crc32c' });
  }

  async getFile(key: string, path: string): Promise<void> {
    try {
      await this.bucket.file(this.name(key)).download({ destination: path, validation: 'crc32c' });
    } catch (error) {
      if (hasCode(error, NOT_FOUND)) throw new ObjectMissingError(this.uriOf(key), error);
      throw error;
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    const [files] = await this.bucket.getFiles({ prefix: this.name(prefix) });
    return files.map(({ name }) => name.slice(this.prefix.length)).sort();
  }

  async deleteAll(prefix: string): Promise<void> {
    for (const key of await this.list(prefix)) {
      await this.bucket.file(this.name(key)).delete({ ignoreNotFound: true });
    }
  }

  /** BigQuery does not know the buckets of an emulator. */
  warehouseUri(key: string): string | undefined {
    return this.apiEndpoint === undefined ? this.uriOf(key) : undefined;
  }

  private uriOf(key: string): string {
    return `gs://${this.bucket.name}/${this.name(key)}`;
  }

  private name(key: string): string {
    return this.prefix + key;
  }

  private async generationOf(key: string): Promise<string | undefined> {
    try {
      const [metadata] = await this.bucket.file(this.name(key)).getMetadata();
      return metadata.generation === undefined ? undefined : String(metadata.generation);
    } catch (error) {
      if (hasCode(error, NOT_FOUND)) return undefined;
      throw error;
    }
  }
}

/** @throws TypeError unless it is `gs://bucket` with or without a path */
function parseGoogleUri(uri: string): { readonly bucket: string; readonly path: string } {
  const match = /^gs:\/\/(?<bucket>[^/]+)\/?(?<path>.*)$/s.exec(uri);
  const { bucket, path } = match?.groups ?? {};
  if (bucket === undefined || path === undefined) throw new TypeError(`${uri} is not gs://bucket/path`);
  return { bucket, path };
}

/** The content of an object. */
export function openGoogleFile(uri: string, apiEndpoint: string | undefined): Readable {
  const { bucket, path } = parseGoogleUri(uri);
  return storageAt(apiEndpoint).bucket(bucket).file(path).createReadStream({ validation: 'crc32c' });
}

function storageAt(apiEndpoint: string | undefined): Storage {
  if (apiEndpoint === undefined) return new Storage();
  const storage = new Storage({ apiEndpoint, projectId: 'orderstream-local' });
  // An emulator needs no credentials. With an API key, the client does not look for any.
  storage.authClient.cachedCredential = storage.authClient.fromAPIKey('emulator');
  return storage;
}

const hasCode = (error: unknown, code: number): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && Number(error.code) === code;
