/** The server, asked with the key. */
import type { Overview, Page, Problem, Query } from './types'
import { Splitter } from './sse'

export type Order = 'pause' | 'resume' | 'halt'

/** What the stream of events says: all of it at first, then only what changed. */
export type News = { whole: Overview } | { changed: Partial<Overview> }

/** An answer that says what went wrong, and what to do. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.message)
  }
}

export const NO_KEY: Problem = {
  kind: 'key',
  message: 'This page has no key to the server.',
  hint: 'Open it by the whole address that refit fleet dashboard printed, with what stands behind the #.',
}

export const AWAY: Problem = {
  kind: 'away',
  message: 'The server of this page does not answer.',
  hint: 'It is asked again by itself. If refit fleet dashboard was ended, start it again and open the address that it prints.',
}

export class Api {
  constructor(readonly key: string | null) {}

  async #ask(path: string, init: RequestInit = {}): Promise<Response> {
    if (this.key === null) throw new Refused(401, NO_KEY)
    let answer: Response
    try {
      answer = await fetch(path, {
        ...init,
        cache: 'no-store',
        headers: { ...init.headers, authorization: `Bearer ${this.key}` },
      })
    } catch (error) {
      if (init.signal?.aborted === true) throw error
      throw new Refused(0, AWAY)
    }
    if (!answer.ok) throw new Refused(answer.status, await problemOf(answer))
    return answer
  }

  async devices(query: Query, signal: AbortSignal): Promise<Page> {
    const answer = await this.#ask(`/api/devices?${search(query)}`, { signal })
    return (await answer.json()) as Page
  }

  /** Gives an order to a ramp, as it was seen: by its scope and its id. Answers in words. */
  async order(scope: string, id: string, order: Order): Promise<string> {
    const answer = await this.#ask(`/api/ramps/${encodeURIComponent(scope)}/${order}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id }),
    })
    return ((await answer.json()) as { message: string }).message
  }

  /** Listens until the stream ends. `last` is the id of the event that was heard last. */
  async listen(
    last: string | null,
    signal: AbortSignal,
    hear: (news: News, id: string) => void,
  ): Promise<void> {
    const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last }
    const answer = await this.#ask('/api/events', { signal, headers })
    if (answer.body === null) return
    const splitter = new Splitter()
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      for (const { id, event, data } of splitter.take(value)) {
        if (event === 'whole') hear({ whole: JSON.parse(data) as Overview }, id)
        if (event === 'changed') hear({ changed: JSON.parse(data) as Partial<Overview> }, id)
      }
    }
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const { error } = (await answer.json()) as { error: Problem }
    return error
  } catch {
    return {
      kind: 'answer',
      message: `The server answered ${answer.status}.`,
      hint: 'Look at what refit fleet dashboard says in its terminal, then load this page again.',
    }
  }
}

/** A query as the server reads it; what is not asked for is left out. */
export function search(query: Query): string {
  const asked = new URLSearchParams()
  for (const name of ['filter', 'version', 'state', 'group', 'sort'] as const) {
    if (query[name] !== '') asked.set(name, query[name])
  }
  if (query.late) asked.set('late', '1')
  if (query.page > 1) asked.set('page', String(query.page))
  return asked.toString()
}
