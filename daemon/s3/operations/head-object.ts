/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: GetObject without the body, Range,
 * conditions and all (RFC 9110, 9.3.2).
 */
export { getObject as headObject } from './get-object.ts'
