/** One request at a time, with what came of it. */
import type { Problem } from 'tauri-plugin-refit-api'
import { toProblem } from 'tauri-plugin-refit-api'

export class Request {
  busy = $state(false)
  /** What came of the last one, in words. */
  answer = $state('')
  problem = $state<Problem | null>(null)

  async make(ask: () => Promise<string>): Promise<void> {
    if (this.busy) return
    this.busy = true
    this.answer = ''
    this.problem = null
    try {
      this.answer = await ask()
    } catch (error) {
      this.problem = toProblem(error)
    } finally {
      this.busy = false
    }
  }
}
