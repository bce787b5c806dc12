/** The time as state that components read: what is said of it goes on being true. */
export class Clock {
  now = $state.raw(new Date())

  /** Goes on; the returned function stops it. */
  run(): () => void {
    const timer = setInterval(() => {
      this.now = new Date()
    }, 30_000)
    return () => clearInterval(timer)
  }
}
