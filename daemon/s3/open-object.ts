/** What every read of an object begins with: the object, open, by the key that the request names. */
import { Fault } from '../../lib/errors.ts'
import { StoredObject } from '../../lib/object/stored-object.ts'
import type { S3Request } from './operation.ts'

/** The caller closes it. Throws NoSuchKey and what else keeps a key from being read. */
export function openObject({ query, root, key }: S3Request): StoredObject {
  const version = query.text('versionId')
  if (version !== undefined && version !== 'null')
    throw new Fault('InvalidArgument', 'This bucket was never versioned: the only version is "null".', {
      details: { ArgumentName: 'versionId', ArgumentValue: version },
    })
  return StoredObject.open(root, key)
}
