/** The four commands and one event, by way of what Tauri leaves in the page. */
import type { Applied, Status } from '../types'

interface Internals {
  invoke(command: string, args?: Record<string, unknown>): Promise<unknown>
  transformCallback(callback: (payload: unknown) => void, once?: boolean): number
}

export class Bridge {
  readonly #invoke: Internals['invoke']
  readonly #transformCallback: Internals['transformCallback']

  private constructor(internals: Internals) {
    this.#invoke = internals.invoke.bind(internals)
    this.#transformCallback = internals.transformCallback.bind(internals)
  }

  /** Takes hold of Tauri's functions; null where there is no Tauri. */
  static capture(page: Window): Bridge | null {
    const internals = (page as { __TAURI_INTERNALS__?: Internals }).__TAURI_INTERNALS__
    return typeof internals?.invoke === 'function' ? new Bridge(internals) : null
  }

  status(): Promise<Status> {
    return this.#invoke('plugin:refit|status') as Promise<Status>
  }

  apply(): Promise<Applied> {
    return this.#invoke('plugin:refit|apply') as Promise<Applied>
  }

  retry(version: string): Promise<Applied> {
    return this.#invoke('plugin:refit|retry', { version }) as Promise<Applied>
  }

  /** Hears every status for as long as this document lives. */
  async listen(handler: (status: Status) => void): Promise<void> {
    await this.#invoke('plugin:event|listen', {
      event: 'refit://status',
      target: { kind: 'Any' },
      handler: this.#transformCallback((event) => handler((event as { payload: Status }).payload)),
    })
  }
}
