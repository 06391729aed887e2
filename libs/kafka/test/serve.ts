import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  type BatchContext,
  BatchHandler,
  type BatchOutcome,
  KafkaBatchServer,
  type KafkaBatchServerOptions,
  type RecordBatch,
} from '../src';
import { testKafka } from './broker';

export type Handle = (batch: RecordBatch, context: BatchContext) => Promise<BatchOutcome> | BatchOutcome;

export interface Running {
  readonly server: KafkaBatchServer;
  close(): Promise<void>;
}

/** Starts a Nest application with a server and one handler, `handle`, for each of the topics. */
export async function serve(
  topics: string | readonly string[],
  groupId: string,
  handle: Handle,
  options: Partial<KafkaBatchServerOptions> = {},
): Promise<Running> {
  const transportId = Symbol('test');
  const controllers = [topics].flat().map((topic) => controllerOf(topic, transportId, handle));
  const server = new KafkaBatchServer({
    kafka: testKafka(),
    groupId,
    transportId,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 10_000,
    drainTimeoutMs: 5_000,
    ...options,
  });
  class Root {}
  Module({ controllers })(Root);
  const app = await NestFactory.createMicroservice(Root, { strategy: server, logger: false, abortOnError: false });
  await app.listen();
  return { server, close: () => app.close() };
}

/** The servers that a test has started, in the order of their starts. */
export class Servers {
  readonly running: Running[] = [];

  async start(...args: Parameters<typeof serve>): Promise<Running> {
    const started = await serve(...args);
    this.running.push(started);
    return started;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.running.splice(0).map(({ close }) => close()));
  }
}

function controllerOf(topic: string, transportId: symbol, handle: Handle): Type {
  class Batches {
    async on(batch: RecordBatch, context: BatchContext): Promise<BatchOutcome> {
      return handle(batch, context);
    }
  }
  Payload()(Batches.prototype, 'on', 0);
  Ctx()(Batches.prototype, 'on', 1);
  const descriptor = Object.getOwnPropertyDescriptor(Batches.prototype, 'on');
  if (descriptor === undefined) throw new Error('no handler');
  void BatchHandler(topic, transportId)(Batches.prototype as object, 'on', descriptor);
  Controller()(Batches);
  return Batches;
}
