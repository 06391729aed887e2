import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, Module } from '@nestjs/common';
import { withDefaults } from '@orderstream/config';
import { SERVICE_CONTROL } from '@orderstream/service';
import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { OPERATOR } from '../../../test/support/fake-process';
import { batchLoaderSettings } from './batch-loader.config';
import { BatchService } from './control/batch-service';
import { BatchStatusDto } from './control/batch-status.dto';
import { RunsController } from './control/runs.controller';

const store = mkdtempSync(join(tmpdir(), 'orderstream-batch-admin-'));

/** Starts nothing: service.int.spec.ts does. */
@Injectable()
class Idle extends BatchService {
  override start(): Promise<{ readonly runs: readonly []; readonly isNew: boolean }> {
    return Promise.resolve({ runs: [], isNew: true });
  }
}

@Module({
  controllers: [RunsController],
  providers: [
    { provide: BatchService, useClass: Idle },
    { provide: SERVICE_CONTROL, useExisting: BatchService },
  ],
})
class IdleModule {}

describe('the administration of the batch loader', () => {
  afterAll(() => {
    rmSync(store, { recursive: true });
  });

  documentsItsProblems(
    {
      name: 'batch-loader',
      settings: withDefaults(batchLoaderSettings, { BATCH_STORE: store }),
      module: () => IdleModule,
      admin: { status: BatchStatusDto },
    },
    {
      provoked: [
        { operation: 'get /admin/runs', path: '/admin/runs?limit=0', token: OPERATOR },
        { operation: 'get /admin/runs/{id}', path: '/admin/runs/none', token: OPERATOR },
        { operation: 'get /admin/runs/{id}', path: '/admin/runs/load_1', token: OPERATOR },
      ],
    },
  );
});
