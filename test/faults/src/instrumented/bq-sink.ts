import { Injectable, Module } from '@nestjs/common';
import { runService, SERVICE_CONTROL } from '@orderstream/service';
import { createKafka, type KafkaBatchServer, type TopicPartition } from '@orderstream/kafka';

import { bqSinkSettings } from '../../../../apps/bq-sink/src/bq-sink.config';
import { BqSinkService } from '../../../../apps/bq-sink/src/bq-sink.service';
import { type PartitionSinkDependencies } from '../../../../apps/bq-sink/src/streams/sink-dependencies';
import { ValidatedController } from '../../../../apps/bq-sink/src/validated.controller';
import { loggingLateCommits } from './late-commit';
import { breakNamed, type BreakContext } from './sink-breaks';
import { StepFault } from './step-fault';

const fault = StepFault.fromEnvironment(process.env);
const sinkBreak = breakNamed(process.env.SINK_BREAK);

/** The sink, with a fault at one of its steps, and with one rule of its protocol left out if SINK_BREAK names a break. */
@Injectable()
class InstrumentedSink extends BqSinkService {
  private transport: KafkaBatchServer | undefined;
  private readonly context: BreakContext = {
    kafka: createKafka({ brokers: (process.env.KAFKA_BROKERS ?? '').split(','), clientId: 'bq-sink-broken' }),
    commitAsConsumer: async (position) => {
      await this.transport?.commitOffsets([position]);
    },
  };

  override createServers(): readonly KafkaBatchServer[] {
    const servers = super.createServers();
    [this.transport] = servers;
    return servers;
  }

  protected override dependenciesOf(partition: TopicPartition): PartitionSinkDependencies {
    let isFaultReached = false;
    const faulty: PartitionSinkDependencies = {
      ...super.dependenciesOf(partition),
      faults: {
        reach: (step) => {
          if (fault.reach(step)) isFaultReached = true;
        },
      },
    };
    const dependencies = sinkBreak?.(faulty, this.context) ?? faulty;
    /** The first commit after the freeze. */
    const isLate = (): boolean => {
      const wasReached = isFaultReached;
      isFaultReached = false;
      return wasReached;
    };
    return {
      ...dependencies,
      openTransactions: async () => loggingLateCommits(await dependencies.openTransactions(), isLate),
    };
  }
}

@Module({
  controllers: [ValidatedController],
  providers: [
    { provide: BqSinkService, useClass: InstrumentedSink },
    { provide: SERVICE_CONTROL, useExisting: BqSinkService },
  ],
})
class InstrumentedSinkModule {}

void runService({
  name: 'bq-sink',
  settings: bqSinkSettings,
  module: () => InstrumentedSinkModule,
  prepare: (app) => app.get(BqSinkService).prepare(),
  servers: (app) => app.get(BqSinkService).createServers(),
});
