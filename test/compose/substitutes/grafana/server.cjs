const { createServer } = require('node:http');

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.statusCode = request.url === '/api/health' ? 200 : 404;
  response.end(JSON.stringify({ database: 'ok', version: 'none: a substitute of the compose test' }));
}).listen(3000, '0.0.0.0');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
