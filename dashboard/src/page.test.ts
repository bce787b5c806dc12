import { flushSync, mount, tick, unmount } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import Dashboard from './Dashboard.svelte'
import { NOW, aPage, aRamp, anOverview } from './fixture'
import { Refused, type Api, type News } from './lib/api'
import type { Overview, Query } from './lib/types'

const server = {
  hear: (_news: News, _id: string): void => undefined,
  end: (): void => undefined,
  fail: (_error: unknown): void => undefined,
  lasts: [] as (string | null)[],
  queries: [] as Query[],
  order: vi.fn(() => Promise.resolve('Paused at 25 %.')),
}

const api = {
  key: 'k',
  listen: (last: string | null, _signal: AbortSignal, hear: typeof server.hear) => {
    server.lasts.push(last)
    server.hear = hear
    return new Promise<void>((resolve, reject) => {
      server.end = resolve
      server.fail = reject
    })
  },
  devices: (query: Query) => {
    server.queries.push(query)
    return Promise.resolve(query.filter === '' ? aPage() : aPage({ total: 3, pages: 1, rows: aPage().rows.slice(0, 3) }))
  },
  order: server.order,
} as unknown as Api

let page: ReturnType<typeof mount> | null = null

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse(NOW) })
  vi.stubGlobal('matchMedia', () => ({ matches: true }))
  Element.prototype.scrollIntoView = vi.fn()
  server.lasts = []
  server.queries = []
  server.order.mockClear()
  page = mount(Dashboard, { target: document.body, props: { api } })
  flushSync()
})

afterEach(() => {
  if (page !== null) void unmount(page)
  document.body.innerHTML = ''
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function settled(milliseconds = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
  await tick()
  flushSync()
}

async function tell(overview: Overview, id = 'b-1'): Promise<void> {
  server.hear({ whole: overview }, id)
  await settled()
}

const text = (of: string): string => document.querySelector(of)?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
const click = (of: string): void => {
  const found = document.querySelector<HTMLElement>(of)
  if (found === null) throw new Error(`no ${of}`)
  found.click()
  flushSync()
}

test('the whole fleet is on the page before any list is', async () => {
  expect(text('main')).toBe('Asking the server for the fleet…')
  server.hear({ whole: anOverview() }, 'b-1')
  flushSync()
  expect(text('[data-figure=total]')).toBe('100,000')
  expect(text('[data-figure=late]')).toContain('412')
  expect(document.title).toBe('shopfloor: Refit fleet')
  expect(text('[data-part=found]')).toBe('Asking for the list…')
  await settled()
  expect(text('[data-part=found]')).toBe('100,000 devices')
  expect(document.querySelectorAll('tbody tr[data-device]')).toHaveLength(100)
})

test('changes are laid over what is known, and counts are not said aloud', async () => {
  await tell(anOverview())
  server.hear({ changed: { late: 7, at: '2026-06-12T12:00:01Z' } }, 'b-2')
  await settled()
  expect(text('[data-figure=late]')).toContain('7')
  expect(text('[data-figure=total]')).toBe('100,000')
  expect(text('[data-part=said]')).toBe('')
})

test('a ramp that halts is said aloud, with its reason', async () => {
  await tell(anOverview())
  const ramps = [aRamp({ state: 'halted', nextAt: null, reason: '1.5.0 failed on 3.1 % of 5,012 devices.' })]
  server.hear({ changed: { ramps } }, 'b-2')
  await settled()
  expect(text('[data-part=said]')).toBe(
    'The ramp to 1.5.0 on all devices: halted. 1.5.0 failed on 3.1 % of 5,012 devices.',
  )
  expect(text('[data-part=reason]')).toContain('3.1 %')
  expect(document.querySelector('[data-action=halt]')).toBe(null)
})

test('a page that was cut off says so, keeps what it has, and goes on from the last event', async () => {
  await tell(anOverview(), 'b-41')
  server.end()
  await settled()
  expect(text('[data-part=live]')).toContain('Not live: as of 14:00:00')
  expect(text('[data-part=problem]')).toContain('does not answer')
  expect(text('[data-part=said]')).toContain('does not answer')
  expect(text('[data-figure=total]')).toBe('100,000')
  await settled(500)
  expect(server.lasts).toEqual([null, 'b-41'])
  server.hear({ changed: { late: 1 } }, 'b-42')
  await settled()
  expect(text('[data-part=live]')).toContain('Live')
  expect(text('[data-part=said]')).toBe('The page is live again.')
})

test('a page without its key asks no more, and says where the key is', async () => {
  server.fail(new Refused(401, { kind: 'key', message: 'No.', hint: 'Open the printed address.' }))
  await settled(60_000)
  expect(text('[data-part=problem]')).toBe('No. Open the printed address.')
  expect(server.lasts).toHaveLength(1)
})

test('pausing is one press, and its answer is shown and said', async () => {
  await tell(anOverview())
  click('[data-action=pause]')
  await settled()
  expect(server.order).toHaveBeenCalledWith('global', 'r-1', 'pause')
  expect(text('[data-part=outcome]')).toBe('Paused at 25 %.')
  expect(text('[data-part=said]')).toBe('Paused at 25 %.')
})

test('halting is asked once, with the safe answer under the finger, and Escape lets it go on', async () => {
  await tell(anOverview())
  click('[data-action=halt]')
  await settled()
  expect(text('[data-part=question]')).toContain('25,000 devices that it has reached go back to 1.4.2')
  expect(document.activeElement?.getAttribute('data-action')).toBe('cancel')
  document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
  await settled()
  expect(document.activeElement?.getAttribute('data-action')).toBe('halt')
  expect(server.order).not.toHaveBeenCalled()
  click('[data-action=halt]')
  await settled()
  click('[data-action=confirm-halt]')
  await settled()
  expect(server.order.mock.calls).toEqual([['global', 'r-1', 'halt']])
})

test('an order that is refused says why and what to do', async () => {
  await tell(anOverview())
  server.order.mockRejectedValueOnce(
    new Refused(409, { kind: 'changed', message: 'The ramp has ended.', hint: 'Look at how it stands now.' }),
  )
  click('[data-action=pause]')
  await settled()
  expect(text('[data-part=outcome]')).toBe('The ramp has ended. Look at how it stands now.')
})

test('the list is filtered by the server, and typing asks it once', async () => {
  await tell(anOverview())
  await settled()
  const input = document.querySelector<HTMLInputElement>('input[name=filter]')
  for (const value of ['t', 'ti', 'till-000']) {
    if (input !== null) input.value = value
    input?.dispatchEvent(new Event('input', { bubbles: true }))
  }
  const before = server.queries.length
  await settled(250)
  expect(server.queries.slice(before).map(({ filter }) => filter)).toEqual(['till-000'])
  expect(text('[data-part=found]')).toBe('3 devices of 100,000 match')
  click('.clear')
  await settled()
  expect(text('[data-part=found]')).toBe('100,000 devices')
})

test('a figure shows its devices, and a column is sorted both ways', async () => {
  await tell(anOverview())
  await settled()
  click('[data-figure="refused,trouble"]')
  click('[data-sort=seen]')
  await settled()
  expect(server.queries.at(-1)).toMatchObject({ state: 'refused,trouble', sort: 'seen' })
  click('[data-sort=seen]')
  await settled()
  expect(server.queries.at(-1)).toMatchObject({ sort: '-seen' })
  expect(document.querySelector('th[aria-sort=descending]')?.textContent).toContain('Last heard')
})

test('a fleet that changes all the time has its list read anew every two seconds at most', async () => {
  await tell(anOverview())
  await settled()
  const before = server.queries.length
  for (let n = 0; n < 100; n += 1) {
    server.hear({ changed: { late: n } }, `b-${n}`)
    await settled(100)
  }
  expect(server.queries.length - before).toBeLessThanOrEqual(5)
  expect(server.queries.length - before).toBeGreaterThanOrEqual(4)
})

test('arrow keys go through a chart, and what stands there is said', async () => {
  await tell(anOverview())
  const slider = document.querySelector<HTMLElement>('[role=slider]')
  slider?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }))
  flushSync()
  expect(slider?.getAttribute('aria-valuetext')).toMatch(/^13:00: 1\.4\.2: /)
  slider?.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }))
  flushSync()
  expect(slider?.getAttribute('aria-valuetext')).toContain('14:00: 1.5.0: 24,180')
})

test('nothing on the page shouts, and each table and chart has a name', async () => {
  await tell(anOverview({ ramps: [aRamp(), aRamp({ id: 'r-2', scope: 'group.tills', state: 'paused' })] }))
  await settled()
  expect(document.body.textContent).not.toContain('!')
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const part of document.querySelectorAll('section')) {
    const name = document.getElementById(part.getAttribute('aria-labelledby') ?? '')
    expect(name?.textContent?.trim()).toBeTruthy()
  }
  for (const svg of document.querySelectorAll('svg')) expect(svg.getAttribute('aria-hidden')).toBe('true')
  for (const control of document.querySelectorAll('input, select')) {
    expect(control.closest('label')?.textContent?.trim()).toBeTruthy()
  }
})
