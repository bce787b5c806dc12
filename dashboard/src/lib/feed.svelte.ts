/** The fleet as state that components read, kept current by the server's events. */
import { AWAY, Refused, type Api } from './api'
import type { Overview, Problem } from './types'

/** Milliseconds between two attempts, at first and at most. */
const PAUSE = 500
const MOST_PAUSE = 10_000

export class Feed {
  overview = $state.raw<Overview | null>(null)
  /** Why nothing new is heard. */
  problem = $state.raw<Problem | null>(null)

  /** Listens for ever; the returned function ends that. */
  follow(api: Api): () => void {
    const ending = new AbortController()
    void this.#run(api, ending.signal)
    return () => ending.abort()
  }

  async #run(api: Api, signal: AbortSignal): Promise<void> {
    let last: string | null = null
    let pause = PAUSE
    while (!signal.aborted) {
      try {
        await api.listen(last, signal, (news, id) => {
          last = id
          pause = PAUSE
          this.problem = null
          if ('whole' in news) this.overview = news.whole
          else if (this.overview !== null) this.overview = { ...this.overview, ...news.changed }
        })
        this.problem = AWAY
      } catch (error) {
        if (signal.aborted) return
        this.problem = error instanceof Refused ? error.problem : AWAY
        // Another key is only had by opening the page anew.
        if (error instanceof Refused && error.status === 401) return
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
      pause = Math.min(pause * 2, MOST_PAUSE)
    }
  }
}
