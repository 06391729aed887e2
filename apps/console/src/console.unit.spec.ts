import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { OPERATOR, VIEWER } from '../../../test/support/fake-process';
import { ConsoleStatusDto } from './console-status.dto';
import { consoleSettings } from './console.config';
import { ConsoleModule } from './console.module';

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
        { operation: 'get /admin/dead-letters', path: '/admin/dead-letters?limit=0', token: OPERATOR },
        { operation: 'get /admin/dead-letters', path: '/admin/dead-letters?field=vendor_name=x', token: VIEWER },
        { operation: 'get /admin/dead-letters/groups', path: '/admin/dead-letters/groups?x=1', token: OPERATOR },
        { operation: 'get /admin/dead-letters/groups', path: '/admin/dead-letters/groups?field=x=y', token: VIEWER },
      ],
      // Needs more letters than one request reads: letter-search.unit.spec.ts.
      elsewhere: { 'get /admin/dead-letters/groups': [422] },
    },
  );
});
