/** An error as S3 says it: the status of the catalogue, and XML that a person can act upon. */
import { catalogue, type Fault, type FaultCode } from '../../lib/errors.ts'
import { element, errorDocument } from './xml.ts'
import type { Reply } from '../http/reply.ts'

/** S3's own word for codes that the other doors name more closely. */
const spoken: Partial<Record<FaultCode, FaultCode>> = {
  DiskOffline: 'ServiceUnavailable',
  NoSuchDisk: 'NoSuchBucket',
}

export interface ErrorContext {
  readonly requestId: string
  readonly hostId: string
  /** The decoded path; '' where there was none to read. */
  readonly resource: string
  readonly head: boolean
}

export function errorReply(fault: Fault, context: ErrorContext): Reply {
  const code = spoken[fault.code] ?? fault.code
  const headers = ['Content-Type', 'application/xml']
  for (const [name, value] of Object.entries(fault.headers)) headers.push(name, value)
  const { status } = catalogue[code]
  if (status === 304) return { status, headers: headers.slice(2), body: null, length: null }
  if (status === 503 && fault.headers['Retry-After'] === undefined) headers.push('Retry-After', '1')
  const text = errorDocument(
    element('Code', code) +
      element('Message', fault.message) +
      Object.entries(fault.details)
        .map(([name, value]) => element(name, value))
        .join('') +
      element('Resource', context.resource) +
      element('RequestId', context.requestId) +
      element('HostId', context.hostId),
  )
  return { status, headers, body: context.head ? null : text, length: Buffer.byteLength(text) }
}
