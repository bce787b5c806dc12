/** All runtimes as state that components read. */
import type { Apps } from 'tauri-plugin-refit-api'
import { onApps, toProblem } from 'tauri-plugin-refit-api'

export class AppsFeed {
  apps = $state.raw<Apps | null>(null)
  /** Why there is nothing. */
  trouble = $state<string | null>(null)

  /** Follows them; the returned function ends that. */
  follow(): () => void {
    let ended = false
    let detach = (): void => {
      ended = true
    }
    onApps((apps) => {
      if (!ended) this.apps = apps
    })
      .then((attached) => {
        if (ended) attached()
        else detach = attached
      })
      .catch((error: unknown) => {
        this.trouble = toProblem(error).message
      })
    return () => detach()
  }
}
