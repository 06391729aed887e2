import { Module } from '@nestjs/common';
import { ReplayPlans } from '@orderstream/dead-letters';
import { createKafka } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { LOGGER, RuntimeSettings, SERVICE_CONTROL, SETTINGS } from '@orderstream/service';
import { type ConsoleSettings } from './console.config';
import { AuditController } from './audit/audit.controller';
import { AuditLog } from './audit/audit-log';
import { ConsoleService } from './console.service';
import { DeadLetters } from './dead-letters/dead-letters';
import { DeadLettersController } from './dead-letters/dead-letters.controller';
import { Overview } from './overview/overview';
import { OverviewController } from './overview/overview.controller';
import { evaluationSettings } from './replays/evaluation';
import { Replays } from './replays/replays';
import { ReplaysController } from './replays/replays.controller';
import { RejectedMessages } from './subscription/rejected-messages';

@Module({
  controllers: [DeadLettersController, ReplaysController, OverviewController, AuditController],
  providers: [
    DeadLetters,
    Replays,
    Overview,
    RejectedMessages,
    {
      provide: AuditLog,
      inject: [SETTINGS, LOGGER],
      useFactory: ({ kafka }: ConsoleSettings, logger: Logger) => new AuditLog(createKafka(kafka, logger)),
    },
    {
      provide: ReplayPlans,
      inject: [SETTINGS, LOGGER, DeadLetters, RuntimeSettings],
      useFactory: (settings: ConsoleSettings, logger: Logger, { index, log }: DeadLetters, runtime: RuntimeSettings) =>
        new ReplayPlans({
          kafka: createKafka(settings.kafka, logger),
          letters: { index, caughtUp: () => log.caughtUp() },
          settings: () => evaluationSettings(settings, runtime),
          logger,
        }),
    },
    ConsoleService,
    { provide: SERVICE_CONTROL, useExisting: ConsoleService },
  ],
})
export class ConsoleModule {}
