/** A set of tags as XML: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html */
import { document, element } from './xml.ts'

export const taggingDocument = (tags: Readonly<Record<string, string>>): string =>
  document(
    'Tagging',
    `<TagSet>${Object.entries(tags)
      .map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`)
      .join('')}</TagSet>`,
  )
