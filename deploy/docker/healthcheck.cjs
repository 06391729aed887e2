// The health check of the images: exits with 0 when the service in this container is ready, or when all that it is not
// ready for is the pause of an operator: `docker compose up --wait` need not wait for an operator. What is not ready is
// printed; `docker inspect` shows it.
const { get } = require('node:http');

const TIMEOUT_MS = 2_500;

function fail(text) {
  console.log(text);
  process.exit(1);
}

function isOnlyPaused(body) {
  try {
    const failing = Object.entries(JSON.parse(body).checks).filter(([, { ok }]) => !ok);
    return failing.length === 1 && failing[0][0] === 'pause';
  } catch {
    return false;
  }
}

get({ host: '127.0.0.1', port: process.env.HTTP_PORT, path: '/health/ready', timeout: TIMEOUT_MS }, (response) => {
  let body = '';
  response.setEncoding('utf8');
  response.on('data', (part) => (body += part));
  response.on('end', () => {
    if (response.statusCode !== 200 && !isOnlyPaused(body)) fail(body.slice(0, 2_000));
  });
})
  .on('timeout', () => fail(`no answer within ${String(TIMEOUT_MS)} ms`))
  .on('error', ({ message }) => fail(message));
