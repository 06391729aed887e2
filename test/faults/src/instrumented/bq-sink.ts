import { Injectable, Module } from '@nestjs/common';
import { runService, SERVICE_CONTROL } from '@orderstream/service';
import { createKafka, type KafkaBatchServer, type PartitionRef } from '@orderstream/kafka';

import { bqSinkSettings } from '../../../../apps/bq-sink/src/bq-sink.config';
import { Sink } from '../../../../apps/bq-sink/src/sink';
import { type PartitionSinkParts } from '../../../../apps/bq-sink/src/streams/sink-parts';
import { ValidatedController } from '../../../../apps/bq-sink/src/validated.controller';
import { breakNamed, type BreakContext } from './sink-breaks';
import { StepFault } from './step-fault';

const fault = StepFault.fromEnvironment(process.env);
const broken = breakNamed(process.env.SINK_BREAK);

/** The sink, which dies where it is told to, and whose protocol may be broken in one place. */
@Injectable()
class InstrumentedSink extends Sink {
  private transport: KafkaBatchServer | undefined;
  private readonly context: BreakContext = {
    kafka: createKafka({ brokers: (process.env.KAFKA_BROKERS ?? '').split(','), clientId: 'bq-sink-broken' }),
    commitAsConsumer: async (position) => {
      await this.transport?.commitOffsets([position]);
    },
  };

  override createServer(): KafkaBatchServer {
    this.transport = super.createServer();
    return this.transport;
  }

  protected override partsOf(partition: PartitionRef): PartitionSinkParts {
    const parts: PartitionSinkParts = {
      ...super.partsOf(partition),
      faults: {
        reach: (step) => {
          fault.reach(step);
        },
      },
    };
    return broken?.(parts, this.context) ?? parts;
  }
}

@Module({
  controllers: [ValidatedController],
  providers: [
    { provide: Sink, useClass: InstrumentedSink },
    { provide: SERVICE_CONTROL, useExisting: Sink },
  ],
})
class InstrumentedSinkModule {}

void runService({
  name: 'bq-sink',
  settings: bqSinkSettings,
  module: () => InstrumentedSinkModule,
  prepare: (app) => app.get(Sink).prepare(),
  servers: (app) => [app.get(Sink).createServer()],
});
