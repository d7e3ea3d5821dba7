/**
 * Samples as Prometheus reads them: the text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
import { metrics, type MetricName, type Sample } from './catalogue.ts'

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Families in the order of the catalogue, each with its help and all of its lines together. */
export function exposition(samples: readonly Sample[]): string {
  const lines = new Map<MetricName, string[]>()
  for (const sample of samples) {
    const family = lines.get(sample.name)
    if (family === undefined) lines.set(sample.name, [line(sample)])
    else family.push(line(sample))
  }
  let text = ''
  for (const name of Object.keys(metrics) as MetricName[]) {
    const family = lines.get(name)
    if (family === undefined) continue
    const { type, doc } = metrics[name]
    text += `# HELP ${name} ${escapeHelp(doc)}\n# TYPE ${name} ${type}\n${family.join('')}`
  }
  return text
}

function line({ name, suffix, labels, value }: Sample): string {
  const written = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
  const braces = written.length === 0 ? '' : `{${written.join(',')}}`
  return `${name}${suffix ?? ''}${braces} ${value}\n`
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')
