/** Sends one request a number of times and drops what comes. Prints the seconds that it took. */
import { connect } from 'node:net'

const [host = '', port = '', request = '', bytes = '', times = ''] = process.argv.slice(2)
const size = Number(bytes)
let left = Number(times)
let expected = 0
let head = ''
let started = 0

const socket = connect({
  host,
  port: Number(port),
  onread: {
    buffer: Buffer.alloc(1024 * 1024),
    callback(count, buffer) {
      if (expected === 0) {
        head += Buffer.from(buffer.buffer, buffer.byteOffset, count).toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return true
        if (!/^HTTP\/1\.1 20[06] /.test(head)) throw new Error(head.slice(0, 1000))
        expected = size - (head.length - end - 4)
      } else expected -= count
      if (expected === 0) next()
      return true
    },
  },
})

function next(): void {
  head = ''
  if (left-- > 0) socket.write(Buffer.from(request, 'base64'))
  else {
    console.log((performance.now() - started) / 1000)
    socket.destroy()
  }
}

socket.once('close', () => {
  if (left >= 0) process.exitCode = 1
})
socket.once('connect', () => {
  started = performance.now()
  next()
})
