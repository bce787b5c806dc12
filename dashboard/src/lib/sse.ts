/** Server-sent events out of a stream of bytes: `EventSource` could not send the key. */
export interface Told {
  id: string
  event: string
  data: string
}

/** Splits a stream's text into events, however it was cut into pieces. */
export class Splitter {
  #rest = ''

  take(text: string): Told[] {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    return blocks.map(read).filter((it) => it !== null)
  }
}

/** One event; null for a comment, which only keeps the connection alive. */
function read(block: string): Told | null {
  const told: Told = { id: '', event: 'message', data: '' }
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const value = line.slice(colon + 1).replace(/^ /, '')
    switch (line.slice(0, colon)) {
      case 'id':
        told.id = value
        break
      case 'event':
        told.event = value
        break
      case 'data':
        data.push(value)
        break
    }
  }
  if (data.length === 0) return null
  told.data = data.join('\n')
  return told
}
