/** An error as S3 says it: the status of the catalogue, and XML that a person can act upon. */
import { catalogue, type Fault, type FaultCode } from '../../lib/errors.ts'
import type { Subject } from '../http/exchange.ts'
import { confined } from '../http/presentation.ts'
import type { Reply } from '../http/reply.ts'
import { textReply } from '../http/reply.ts'
import { hostId } from './request-fields.ts'
import { element, errorDocument } from './xml.ts'

/** S3's own word for codes that the other doors name more closely. */
const spoken: Partial<Record<FaultCode, FaultCode>> = {
  DiskOffline: 'ServiceUnavailable',
  NoSuchDisk: 'NoSuchBucket',
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export function errorReply(fault: Fault, subject: Subject): Reply {
  const code = spoken[fault.code] ?? fault.code
  const { status } = catalogue[code]
  if (status === 304) return { status, fields: fault.headers, body: null, length: null }
  const text = errorDocument(
    element('Code', code) +
      element('Message', fault.message) +
      Object.entries(fault.details)
        .map(([name, value]) => element(name, value))
        .join('') +
      element('Resource', subject.resource) +
      element('RequestId', subject.id) +
      element('HostId', hostId(subject)),
  )
  const later = status === 503 ? { 'Retry-After': '1' } : {}
  return textReply(status, 'application/xml', text, {
    'Content-Security-Policy': confined,
    ...later,
    ...fault.headers,
  })
}
