import { Module } from '@nestjs/common';
import { createBigQuery } from '@orderstream/bigquery';
import { ReplayPlans } from '@orderstream/dead-letters';
import { createKafka } from '@orderstream/kafka';
import { type Health, type Logger } from '@orderstream/observability';
import { HEALTH, LOGGER, RuntimeSettings, SERVICE_CONTROL, SETTINGS } from '@orderstream/service';
import { type ConsoleSettings } from './console.config';
import { AuditController } from './audit/audit.controller';
import { AuditLog } from './audit/audit-log';
import { ConsoleService } from './console.service';
import { DeadLetters } from './dead-letters/dead-letters';
import { DeadLettersController } from './dead-letters/dead-letters.controller';
import { CustomerTables } from './erasures/customer-tables';
import { CustomerTopics } from './erasures/customer-topics';
import { ErasedCustomers } from './erasures/erased-customers';
import { ErasureLog } from './erasures/erasure-log';
import { Erasures } from './erasures/erasures';
import { ErasuresController } from './erasures/erasures.controller';
import { ValidatorState } from './erasures/validator-state';
import { Overview } from './overview/overview';
import { OverviewController } from './overview/overview.controller';
import { evaluationSettings } from './replays/evaluation';
import { Replays } from './replays/replays';
import { ReplaysController } from './replays/replays.controller';
import { RejectedMessages } from './subscription/rejected-messages';

@Module({
  controllers: [DeadLettersController, ReplaysController, OverviewController, AuditController, ErasuresController],
  providers: [
    ErasedCustomers,
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
      inject: [SETTINGS, LOGGER, DeadLetters, RuntimeSettings, ErasedCustomers, Overview],
      useFactory: (
        settings: ConsoleSettings,
        logger: Logger,
        { index, log, foreignTopics }: DeadLetters,
        runtime: RuntimeSettings,
        erased: ErasedCustomers,
        overview: Overview,
      ) =>
        new ReplayPlans({
          kafka: createKafka(settings.kafka, logger),
          letters: { index, caughtUp: () => log.caughtUp() },
          foreignTopics,
          settings: async () => evaluationSettings(settings, runtime, await overview.ask()),
          isErased: (record) => erased.isIn(record),
          logger,
        }),
    },
    {
      provide: Erasures,
      inject: [SETTINGS, LOGGER, HEALTH, Replays, ErasedCustomers],
      useFactory: (
        { kafka: connection, bigquery, overview }: ConsoleSettings,
        logger: Logger,
        health: Health,
        replays: Replays,
        erased: ErasedCustomers,
      ) => {
        const kafka = createKafka(connection, logger);
        const erasures = new Erasures({
          openLog: (onChange) => new ErasureLog(kafka, logger, onChange),
          warehouse: new CustomerTables(createBigQuery(bigquery), bigquery),
          topics: new CustomerTopics(kafka),
          validators: new ValidatorState({ serviceUrls: overview.serviceUrls, token: overview.operatorToken }),
          forget: (customer) => {
            erased.add(customer);
            replays.forgetSamples();
          },
          logger,
        });
        health.live('erasures', () => {
          const { failed } = erasures;
          return failed === undefined ? { ok: true } : { ok: false, detail: failed.message };
        });
        return erasures;
      },
    },
    ConsoleService,
    { provide: SERVICE_CONTROL, useExisting: ConsoleService },
  ],
})
export class ConsoleModule {}
