/** node:http alone, with constant bodies and no signature: how far the rest of our door is from its floor. */
import { createServer } from 'node:http'

const bodies = { '1k': 'a'.repeat(1024), '64k': Buffer.alloc(65536, 'a') }
const server = createServer({ requestTimeout: 0 }, (request, response) => {
  const body = request.url?.startsWith('/64k') === true ? bodies['64k'] : bodies['1k']
  response.writeHead(200, [
    'Content-Type',
    'application/octet-stream',
    'ETag',
    '"00000000000000000000000000000000-1"',
    'Content-Length',
    String(body.length),
  ])
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  console.log(JSON.stringify({ pid: process.pid, endpoint: `http://127.0.0.1:${port}` }))
})
process.on('SIGTERM', () => process.exit(0))
