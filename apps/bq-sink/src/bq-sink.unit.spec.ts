import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { bqSinkSettings } from './bq-sink.config';
import { BqSinkModule } from './bq-sink.module';

describe('the administration of bq-sink', () => {
  documentsItsProblems({
    name: 'bq-sink',
    settings: bqSinkSettings,
    module: () => BqSinkModule,
  });
});
