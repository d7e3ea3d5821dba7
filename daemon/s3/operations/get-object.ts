/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
import { close } from '../../../lib/sys/open.ts'
import {
  checkConditions,
  objectHeaders,
  openObject,
  stretchOf,
  type ObjectRequest,
  type OpenedObject,
} from '../open-object.ts'
import type { Reply } from '../../http/reply.ts'

export function getObject(request: ObjectRequest): Reply | Promise<Reply> {
  const object = openObject(request)
  try {
    const headers = objectHeaders(request, object)
    if (Array.isArray(headers)) return answer(request, object, headers)
    return headers
      .then((found) => answer(request, object, found))
      .catch((thrown: unknown) => {
        close(object.fd)
        throw thrown
      })
  } catch (thrown) {
    close(object.fd)
    throw thrown
  }
}

/** Takes over the descriptor unless it throws. */
function answer(request: ObjectRequest, object: OpenedObject, headers: string[]): Reply {
  const { fd, head } = object
  const isHead = request.method === 'HEAD'
  if (checkConditions(request, head) === 'not-modified') {
    close(fd)
    return { status: 304, headers: headers.slice(0, 6), body: null, length: null }
  }
  const range = stretchOf(request, head)
  let offset = 0
  let length = head.size
  if (range !== undefined) {
    offset = range.first
    length = range.last - range.first + 1
    headers.push('Content-Range', `bytes ${range.first}-${range.last}/${head.size}`)
  }
  const status = range === undefined ? 200 : 206
  if (isHead || length === 0) {
    close(fd)
    return { status, headers, body: null, length }
  }
  return { status, headers, body: { fd, offset, length }, length }
}
