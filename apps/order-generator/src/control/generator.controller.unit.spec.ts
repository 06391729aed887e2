import { type Server } from 'node:http';
import { Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Pauses, type ProblemException } from '@orderstream/service';
import { type Response } from 'express';
import request from 'supertest';
import { Generator } from '../generator';
import { InvalidScenarioError, UnknownScenarioError } from '../scenarios/errors';
import { GeneratorController } from './generator.controller';

const commands: unknown[] = [];
let failure: Error | undefined;
const generator = {
  setRate: (rate: number) => commands.push(rate),
  setScenario: (scenario: unknown) => {
    if (failure !== undefined) throw failure;
    commands.push(scenario);
  },
  scenarios: () => [{ name: 'steady', file: 'steady.yaml', description: 'Steady.' }],
  status: () => ({ state: 'running' }),
};

@Module({
  controllers: [GeneratorController],
  providers: [
    { provide: Generator, useValue: generator },
    { provide: Pauses, useValue: {} },
  ],
})
class TestModule {}

describe('the commands of the generator', () => {
  let app: NestExpressApplication;
  const server = (): Server => app.getHttpServer();

  beforeAll(async () => {
    app = await NestFactory.create<NestExpressApplication>(TestModule, { logger: false });
    app.useBodyParser('text', { type: 'application/yaml' });
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    app.useGlobalFilters({
      catch: (error: ProblemException, host) => {
        host
          .switchToHttp()
          .getResponse<Response>()
          .status(error.getStatus())
          .json({ detail: error.message, ...error.members });
      },
    });
    await app.init();
  });
  beforeEach(() => {
    commands.length = 0;
    failure = undefined;
  });
  afterAll(() => app.close());

  describe('/admin/rate', () => {
    it('sets a rate from 0 to 100,000', async () => {
      for (const eventsPerSecond of [0, 12.5, 100_000]) {
        await request(server()).post('/admin/rate').send({ eventsPerSecond }).expect(200, { state: 'running' });
      }
      expect(commands).toEqual([0, 12.5, 100_000]);
    });

    it.each([
      {},
      { eventsPerSecond: '50' },
      { eventsPerSecond: -1 },
      { eventsPerSecond: 100_001 },
      { eventsPerSecond: null },
      { eventsPerSecond: 1, unknown: true },
    ])('rejects %j', async (body) => {
      await request(server()).post('/admin/rate').send(body).expect(400);
      expect(commands).toEqual([]);
    });
  });

  describe('/admin/scenario', () => {
    it('sets a scenario by its name, and one from a YAML body', async () => {
      await request(server()).post('/admin/scenario').send({ name: 'flash-sale' }).expect(200, { state: 'running' });
      const yaml = 'name: mine\ndescription: Mine.\n';
      await request(server()).post('/admin/scenario').type('application/yaml').send(yaml).expect(200);
      expect(commands).toEqual([{ name: 'flash-sale' }, { yaml }]);
    });

    it('ends after another number of orders', async () => {
      await request(server()).post('/admin/scenario').send({ name: 'original', maxOrders: 20 }).expect(200);
      expect(commands).toEqual([{ name: 'original', maxOrders: 20 }]);
    });

    it.each([{}, { name: 5 }, { name: 'a', rate: 1 }, { maxOrders: 1 }, { name: 'a', maxOrders: 1.5 }, []])(
      'rejects %j',
      async (body) => {
        await request(server()).post('/admin/scenario').send(body).expect(400);
        expect(commands).toEqual([]);
      },
    );

    it('answers with the lines of a bad scenario', async () => {
      const problems = ['body.yaml:2: lots: unknown key'];
      failure = new InvalidScenarioError('body.yaml', problems);
      const { body } = await request(server())
        .post('/admin/scenario')
        .type('application/yaml')
        .send('x: 1')
        .expect(400);
      expect(body).toMatchObject({ code: 'SCENARIO_INVALID', errors: problems });
    });

    it('answers with the known names to an unknown one', async () => {
      failure = new UnknownScenarioError('none', ['steady'], ['scenarios']);
      const { body } = await request(server()).post('/admin/scenario').send({ name: 'none' }).expect(400);
      expect(body).toMatchObject({ code: 'SCENARIO_UNKNOWN', detail: expect.stringContaining('steady') as string });
    });

    it('lists the scenarios', async () => {
      await request(server()).get('/admin/scenarios').expect(200, generator.scenarios());
    });
  });
});
