import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ObjectStore } from '../src/store/object-store';

/** What every object store promises. */
export function describeObjectStore(name: string, open: () => ObjectStore): void {
  describe(`the object store in ${name}`, () => {
    let store: ObjectStore;
    let folder: string;
    let key: string;

    beforeEach(() => {
      store = open();
      key = `tests/${randomUUID()}`;
      folder = mkdtempSync(join(tmpdir(), 'orderstream-store-'));
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    const put = async (target: string, text: string): Promise<void> => {
      writeFileSync(join(folder, 'source'), text);
      await store.putFile(target, join(folder, 'source'));
    };

    it('has no document before the first write', async () => {
      expect(await store.readDocument(key)).toBeUndefined();
      expect(await store.writeDocument(key, 'b', '1')).toBeUndefined();
      expect(await store.readDocument(key)).toBeUndefined();
    });

    it('writes a document only over the generation that was read', async () => {
      const first = await store.writeDocument(key, 'first', undefined);
      expect(await store.readDocument(key)).toEqual({ text: 'first', generation: first });
      expect(await store.writeDocument(key, 'other', undefined)).toBeUndefined();
      const second = await store.writeDocument(key, 'second', first);
      expect(second).not.toBe(first);
      expect(await store.writeDocument(key, 'third', first)).toBeUndefined();
      expect(await store.readDocument(key)).toEqual({ text: 'second', generation: second });
    });

    it('lets one of several concurrent writers win each generation', async () => {
      let generation: string | undefined;
      for (let round = 0; round < 5; round++) {
        const before = generation;
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, writer) => store.writeDocument(key, `${round}/${writer}`, before)),
        );
        const winners = results.flatMap((each, writer) => (each === undefined ? [] : [{ each, writer }]));
        expect(winners).toHaveLength(1);
        generation = winners[0]?.each;
        expect(await store.readDocument(key)).toEqual({ text: `${round}/${winners[0]?.writer ?? ''}`, generation });
      }
    });

    it('replaces a file as a whole', async () => {
      await put(key, 'old and long');
      await put(key, 'new');
      await store.getFile(key, join(folder, 'target'));
      expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('new');
    });

    it('says that a file does not exist', async () => {
      await expect(store.getFile(key, join(folder, 'target'))).rejects.toMatchObject({ code: 'BATCH_OBJECT_MISSING' });
    });

    it('lists and deletes documents and files below a prefix', async () => {
      await put(`${key}/a/file`, 'x');
      await store.writeDocument(`${key}/a/document`, 'y', undefined);
      await put(`${key}/b`, 'z');
      expect(await store.list(`${key}/`)).toEqual([`${key}/a/document`, `${key}/a/file`, `${key}/b`]);
      await store.deleteAll(`${key}/a/`);
      expect(await store.list(`${key}/`)).toEqual([`${key}/b`]);
      expect(await store.readDocument(`${key}/a/document`)).toBeUndefined();
    });
  });
}
