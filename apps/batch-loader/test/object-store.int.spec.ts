import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderStore } from '../src/store/folder-store';
import { GoogleStore } from '../src/store/google-store';
import { FakeGcs } from './fake-gcs';
import { describeObjectStore } from './object-store.features';

const folder = mkdtempSync(join(tmpdir(), 'orderstream-folder-store-'));
let server: FakeGcs | undefined;

beforeAll(async () => {
  server = await FakeGcs.start('batch');
}, 900_000);
afterAll(() => {
  server?.stop();
  rmSync(folder, { recursive: true });
});

describeObjectStore('a folder', () => new FolderStore(folder));
describeObjectStore('Cloud Storage', () => new GoogleStore('gs://batch/runs', server?.endpoint));
