/** Statuses of one runtime, in their order: an older one never replaces a newer one. */
import type { Status } from './types'

export class Newest {
  readonly #handler: (status: Status) => void
  /** The runtime that this page was first told of. */
  #app: string | null = null
  #seq = -1
  #ended = false
  /** What came before it was known which runtime counts: the newest of each. */
  readonly #early = new Map<string, Status>()

  constructor(handler: (status: Status) => void) {
    this.#handler = handler
  }

  /** The answer to a question of this page's own: its runtime is the one that counts. */
  begin(status: Status): void {
    this.#app = status.app.name
    this.#deliver(status)
    const early = this.#early.get(status.app.name)
    this.#early.clear()
    if (early !== undefined) this.#deliver(early)
  }

  /** What every window is told. */
  hear(status: Status): void {
    const { name } = status.app
    if (this.#app === null) {
      const known = this.#early.get(name)
      if (known === undefined || known.seq < status.seq) this.#early.set(name, status)
    } else if (name === this.#app) {
      this.#deliver(status)
    }
  }

  end(): void {
    this.#ended = true
  }

  #deliver(status: Status): void {
    if (this.#ended || status.seq <= this.#seq) return
    this.#seq = status.seq
    this.#handler(status)
  }
}
