/** Statuses in, requests out. */
import { Newest } from '../newest'
import type { Status } from '../types'
import { toProblem } from '../types'
import type { Bridge } from './bridge'
import { Memory } from './memory'
import type { Surface } from './surface'
import { ago, when } from './time'
import type { Action, Card, Own } from './view'
import { noteOf, view, waiting } from './view'

export class Controller {
  readonly #bridge: Pick<Bridge, 'status' | 'listen' | 'apply' | 'retry'>
  readonly #surface: Pick<Surface, 'attach' | 'draw' | 'onAction'>
  readonly #memory: Memory
  #status: Status | null = null
  #busy: Own['busy'] = null
  #fetched: Own['fetched'] = null
  #note: Own['note'] = null
  #shown: Card['kind'] | null = null

  constructor(
    bridge: Pick<Bridge, 'status' | 'listen' | 'apply' | 'retry'>,
    surface: Pick<Surface, 'attach' | 'draw' | 'onAction'>,
    memory: Memory = Memory.ofPage(window),
  ) {
    this.#bridge = bridge
    this.#surface = surface
    this.#memory = memory
  }

  async start(): Promise<void> {
    this.#surface.onAction((action) => void this.#act(action))
    const newest = new Newest((status) => this.#hear(status))
    try {
      await this.#bridge.listen((status) => newest.hear(status))
      const status = await this.#bridge.status()
      this.#surface.attach()
      newest.begin(status)
    } catch {
      // A page that may not ask has no banner.
    }
  }

  #hear(status: Status): void {
    this.#status = status
    this.#draw()
  }

  #draw(): void {
    const own: Own = { ...this.#memory.kept, ...this.#own() }
    const now = new Date()
    const seen = view(this.#status, own, { when, ago: (time) => ago(time, now) })
    this.#shown = seen.card?.kind ?? null
    this.#surface.draw(seen)
  }

  #own(): Pick<Own, 'busy' | 'fetched' | 'note'> {
    return { busy: this.#busy, fetched: this.#fetched, note: this.#note }
  }

  async #act(action: Action): Promise<void> {
    const fellBack = this.#status?.fellBack ?? null
    const staged = this.#status === null ? null : waiting(this.#status, this.#own())
    if (action === 'later' && staged !== null) this.#memory.keep({ later: staged.version })
    if (action === 'dismiss') this.#dismiss()
    if (action === 'close') this.#note = null
    if (action === 'apply' && staged !== null) await this.#ask('apply', staged.version)
    if (action === 'retry' && fellBack !== null) {
      this.#memory.forgetLater()
      await this.#ask('retry', fellBack.from)
    }
    this.#draw()
  }

  /** Puts aside what the card that is shown is about. */
  #dismiss(): void {
    const status = this.#status
    if (status === null) return
    const { fellBack, passedOver, rollout } = status
    switch (this.#shown) {
      case 'fell-back':
        if (fellBack !== null) this.#memory.keep({ dismissed: fellBack.at })
        break
      case 'passed-over':
        if (passedOver !== null) this.#memory.keep({ told: passedOver.at })
        break
      case 'stale':
        if (rollout?.expires) this.#memory.keep({ stale: rollout.expires })
        break
    }
  }

  async #ask(what: 'apply' | 'retry', version: string): Promise<void> {
    if (this.#busy !== null) return
    this.#busy = { what, version }
    this.#draw()
    try {
      const applied = await (what === 'apply' ? this.#bridge.apply() : this.#bridge.retry(version))
      this.#fetched = what === 'retry' && applied.outcome === 'staged' ? version : null
      if (applied.outcome === 'nothing') {
        this.#note = { title: applied.reason, detail: null }
      }
    } catch (error) {
      this.#note = noteOf(toProblem(error))
    } finally {
      this.#busy = null
    }
  }
}
