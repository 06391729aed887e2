import { type Server } from 'node:http';
import { type INestApplication, Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import request from 'supertest';
import { Generator } from '../generator';
import { GeneratorController } from './generator.controller';

const rates: number[] = [];
const generator = { setRate: (rate: number) => rates.push(rate), status: () => ({ state: 'running' }) };

@Module({ controllers: [GeneratorController], providers: [{ provide: Generator, useValue: generator }] })
class TestModule {}

describe('/admin/rate', () => {
  let app: INestApplication<Server>;

  beforeAll(async () => {
    app = await NestFactory.create<INestApplication<Server>>(TestModule, { logger: false });
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
    await app.init();
  });

  afterAll(() => app.close());

  it('sets a rate from 0 to 100,000', async () => {
    for (const eventsPerSecond of [0, 12.5, 100_000]) {
      await request(app.getHttpServer())
        .post('/admin/rate')
        .send({ eventsPerSecond })
        .expect(200, { state: 'running' });
    }
    expect(rates).toEqual([0, 12.5, 100_000]);
  });

  it.each([
    {},
    { eventsPerSecond: '50' },
    { eventsPerSecond: -1 },
    { eventsPerSecond: 100_001 },
    { eventsPerSecond: null },
    { eventsPerSecond: 1, unknown: true },
  ])('rejects %j', async (body) => {
    const before = rates.length;
    await request(app.getHttpServer()).post('/admin/rate').send(body).expect(400);
    expect(rates).toHaveLength(before);
  });
});
