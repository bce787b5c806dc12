/** The list of devices: a page of it at a time, asked anew as the fleet changes. */
import { Refused, search, type Api } from './api'
import type { Page, Problem, Query } from './types'

/** Milliseconds between two looks at the same list. */
const PAUSE = 2_000
/** Milliseconds that typing may go on before the server is asked. */
const TYPING = 200

export const NOTHING: Query = {
  filter: '',
  version: '',
  state: '',
  group: '',
  late: false,
  sort: 'device',
  page: 1,
}

export class Table {
  query = $state.raw<Query>(NOTHING)
  list = $state.raw<Page | null>(null)
  problem = $state.raw<Problem | null>(null)
  /** Whether what is shown answers another question than the last. */
  stale = $state(true)

  readonly #api: Api
  #asked: AbortController | null = null
  #again: ReturnType<typeof setTimeout> | null = null
  #lastAt = 0

  constructor(api: Api) {
    this.#api = api
  }

  /** Asks for something else. All but another page begins at the first. */
  ask(change: Partial<Query>, typing = false): void {
    const query = { ...this.query, page: 1, ...change }
    if (search(query) === search(this.query)) return
    this.query = query
    this.stale = true
    this.#after(typing ? TYPING : 0)
  }

  /** The fleet has changed: looks again, soon. */
  refresh(): void {
    if (this.#again !== null || this.#asked !== null) return
    this.#after(Math.max(0, this.#lastAt + PAUSE - Date.now()))
  }

  end(): void {
    if (this.#again !== null) clearTimeout(this.#again)
    this.#asked?.abort()
    this.#again = null
  }

  #after(pause: number): void {
    if (this.#again !== null) clearTimeout(this.#again)
    this.#again = setTimeout(() => {
      this.#again = null
      void this.#look()
    }, pause)
  }

  async #look(): Promise<void> {
    this.#asked?.abort()
    const asked = new AbortController()
    this.#asked = asked
    try {
      const list = await this.#api.devices(this.query, asked.signal)
      if (asked.signal.aborted) return
      this.list = list
      this.problem = null
      this.stale = false
    } catch (error) {
      if (asked.signal.aborted) return
      if (error instanceof Refused) this.problem = error.problem
    } finally {
      this.#lastAt = Date.now()
      if (this.#asked === asked) this.#asked = null
    }
  }
}
