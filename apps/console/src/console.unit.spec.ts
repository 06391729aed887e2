import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { OPERATOR, VIEWER } from '../../../test/support/fake-process';
import { ConsoleStatusDto } from './console-status.dto';
import { consoleSettings } from './console.config';
import { ConsoleModule } from './console.module';

/** replays.unit.spec.ts provokes them. */
const REPLAYS = {
  'get /admin/replays/{id}': [404],
  'get /admin/replays/{id}/events': [404],
  'get /admin/replays/{id}/receipts': [404],
  'post /admin/replays': [422],
  'post /admin/replays/{id}/preview': [404, 422],
  'post /admin/replays/{id}/start': [404, 412, 428],
  'post /admin/replays/{id}/pause': [404],
  'post /admin/replays/{id}/cancel': [404],
};

/** erasure.int.spec.ts provokes them. */
const ERASURES = {
  'get /admin/erasures/{id}': [404],
  'post /admin/erasures': [422],
};

describe('the administration of the console', () => {
  documentsItsProblems(
    {
      name: 'console',
      settings: consoleSettings,
      module: () => ConsoleModule,
      admin: { status: ConsoleStatusDto },
    },
    {
      provoked: [
        { operation: 'get /admin/audit', path: '/admin/audit?limit=0', token: OPERATOR },
        { operation: 'get /admin/erasures', path: '/admin/erasures?limit=0', token: OPERATOR },
        { operation: 'get /admin/replays', path: '/admin/replays?limit=0', token: OPERATOR },
        { operation: 'get /admin/replays/{id}/receipts', path: '/admin/replays/x/receipts?limit=0', token: OPERATOR },
        { operation: 'get /admin/dead-letters', path: '/admin/dead-letters?limit=0', token: OPERATOR },
        { operation: 'get /admin/dead-letters', path: '/admin/dead-letters?topic=none', token: OPERATOR },
        { operation: 'get /admin/dead-letters', path: '/admin/dead-letters?field=vendor_name=x', token: VIEWER },
        { operation: 'get /admin/dead-letters/groups', path: '/admin/dead-letters/groups?x=1', token: OPERATOR },
        { operation: 'get /admin/dead-letters/groups', path: '/admin/dead-letters/groups?field=x=y', token: VIEWER },
      ],
      elsewhere: {
        // letter-search.unit.spec.ts: needs more letters than one request reads.
        'get /admin/dead-letters/groups': [422],
        ...ERASURES,
        ...REPLAYS,
      },
    },
  );
});
