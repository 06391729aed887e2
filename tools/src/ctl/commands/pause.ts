import { Argument, type Command } from 'commander';
import { statusSchema } from '../api/answers';
import { durationText, integer } from '../arguments';
import { UsageError } from '../errors';
import { type Runtime } from '../session';
import { SERVICES } from '../target';

const MAX_RECORDS = 1_000_000;
const MAX_MINUTES = 1_440;

interface ResumeOptions {
  readonly withoutBreakerRecords?: number;
  readonly withoutBreakerMinutes?: number;
}

/** `ctl pause` and `ctl resume` */
export function addPause(program: Command, { session }: Runtime): void {
  const service = (): Argument => new Argument('<service>', 'the service, in all its instances').choices(SERVICES);

  program
    .command('pause')
    .description('stop a service from taking new work, also over a restart, until it is resumed')
    .addArgument(service())
    .option('--for <duration>', 'end the pause by itself after this time: 30s, 10m, 2h', durationText)
    .action(async (name: string, { for: limit }: { readonly for?: string }) => {
      const current = session();
      const body = limit === undefined ? {} : { for: limit };
      const { body: status } = await current.service(name).request('POST', '/admin/pause', statusSchema, { body });
      const end = limit === undefined ? `until: ctl resume ${name}` : `for ${limit}`;
      current.result(status, () => `${name} is paused ${end}`);
    });

  program
    .command('resume')
    .description('resume a service, and retry its stopped partitions')
    .addArgument(service())
    .option(
      '--without-breaker-records <n>',
      'validator: go on without the circuit breaker for n records of a partition',
      integer(1, MAX_RECORDS),
    )
    .option('--without-breaker-minutes <n>', 'validator: the same for n minutes', integer(1, MAX_MINUTES))
    .action(async (name: string, options: ResumeOptions) => {
      const given = Object.keys(options).length;
      if (given > 1) throw new UsageError('Give --without-breaker-records or --without-breaker-minutes, not both.');
      if (given > 0 && name !== 'validator') throw new UsageError('Only the validator has a circuit breaker.');
      const current = session();
      const { withoutBreakerRecords, withoutBreakerMinutes } = options;
      const { body: status } = await current.service(name).request('POST', '/admin/resume', statusSchema, {
        body: { withoutBreakerRecords, withoutBreakerMinutes },
      });
      current.result(status, () => `${name} is resumed. When it is ready: ctl overview`);
    });
}
