/** The least recently used leave first. The one place that imports the package. */
export { LRUCache } from 'lru-cache'
