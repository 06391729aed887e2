import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { FAMILIES, rawTopic } from '@orderstream/contracts';
import { ack, createKafka } from '@orderstream/kafka';
import { FamilyServer, TRANSPORT_ID } from './partitions/family-server';
import { ValidatorController } from './validator.controller';
import { ValidatorService } from './validator.service';

/** Takes the handlers that Nest finds for the transport of the family servers. */
class HandlerCollector extends Server implements CustomTransportStrategy {
  override readonly transportId = TRANSPORT_ID;

  listen(callback: () => void): void {
    callback();
  }

  close(): void {
    // Nothing is open.
  }

  override on(): never {
    throw new Error('no events');
  }

  override unwrap(): never {
    throw new Error('no driver');
  }
}

@Module({
  controllers: [ValidatorController],
  providers: [{ provide: ValidatorService, useValue: { handle: () => Promise.resolve(ack()) } }],
})
class TestModule {}

it('the controller handles the raw topic of every family, with one handler each', async () => {
  const strategy = new HandlerCollector();
  const app = await NestFactory.createMicroservice(TestModule, { strategy, logger: false });
  await app.listen();
  const handlers = [...strategy.getHandlers()];
  expect(handlers.map(([topic]) => topic).sort()).toEqual(FAMILIES.map(rawTopic).sort());
  expect(handlers.map(([, { next }]) => next)).toEqual(FAMILIES.map(() => undefined));
  await app.close();
});

describe('FamilyServer', () => {
  const server = (): FamilyServer =>
    new FamilyServer('orders', {
      kafka: createKafka({ brokers: ['127.0.0.1:1'], clientId: 'test' }),
      groupId: 'test',
    });
  const handler = () => Promise.resolve(ack());

  it('takes the handler of its own topic only', () => {
    const orders = server();
    for (const family of FAMILIES) orders.addHandler(rawTopic(family), handler, true);
    expect([...orders.getHandlers().keys()]).toEqual([rawTopic('orders')]);
  });

  it('does not listen when its topic has no handler', () => {
    const orders = server();
    orders.addHandler(rawTopic('customers'), handler, true);
    const errors: unknown[] = [];
    orders.listen((error) => errors.push(error));
    expect(errors).toEqual([
      expect.objectContaining({
        code: 'HANDLER_MISMATCH',
        message: expect.stringContaining(`${rawTopic('orders')} has no handler`) as string,
      }),
    ]);
  });
});
