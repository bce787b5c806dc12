/** The status as state that components read. */
import type { Status } from 'tauri-plugin-refit-api'
import { onStatus, toProblem } from 'tauri-plugin-refit-api'

export class Feed {
  status = $state.raw<Status | null>(null)
  /** Why there is no status. */
  trouble = $state<string | null>(null)

  /** Follows the status; the returned function ends that. */
  follow(): () => void {
    let ended = false
    let detach = (): void => {
      ended = true
    }
    onStatus((status) => {
      if (!ended) this.status = status
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
