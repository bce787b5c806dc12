import { afterEach, expect, test, vi } from 'vitest'
import { anOverview } from '../fixture'
import { Api, AWAY, NO_KEY, Refused, search, type News } from './api'
import { takeKey } from './key'
import { Splitter } from './sse'
import { NOTHING } from './table.svelte'

afterEach(() => vi.unstubAllGlobals())

test('events are whole however their bytes were cut', () => {
  const text = ': alive\n\nid: b-1\nevent: whole\ndata: {"a":\ndata: 1}\n\nid: b-2\nevent: changed\ndata: {}\n\n'
  for (const size of [1, 2, 3, 7, text.length]) {
    const splitter = new Splitter()
    const told = []
    for (let n = 0; n < text.length; n += size) told.push(...splitter.take(text.slice(n, n + size)))
    expect(told).toEqual([
      { id: 'b-1', event: 'whole', data: '{"a":\n1}' },
      { id: 'b-2', event: 'changed', data: '{}' },
    ])
  }
})

test('the key leaves the address, stays in the tab, and goes along with each request', async () => {
  const kept = new Map<string, string>()
  const storage = { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v) }
  const history = { replaceState: vi.fn() }
  const key = 'k'.repeat(43)
  expect(takeKey({ hash: `#key=${key}`, pathname: '/', search: '' }, history, storage)).toBe(key)
  expect(history.replaceState).toHaveBeenCalledWith(null, '', '/')
  expect(takeKey({ hash: '', pathname: '/', search: '' }, history, storage)).toBe(key)
  expect(takeKey({ hash: '#key=short', pathname: '/', search: '' }, history, { ...storage, getItem: () => null })).toBe(null)

  const asked = vi.fn(() => Promise.resolve(new Response('{"message":"Paused."}')))
  vi.stubGlobal('fetch', asked)
  expect(await new Api(key).order('group.tills', 'r-1', 'pause')).toBe('Paused.')
  expect(asked).toHaveBeenCalledWith('/api/ramps/group.tills/pause', {
    method: 'POST',
    cache: 'no-store',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: '{"id":"r-1"}',
  })
})

test('what goes wrong is told with the next step', async () => {
  const problem = async (api: Api): Promise<unknown> => {
    try {
      await api.order('global', 'r-1', 'halt')
      return null
    } catch (error) {
      return error instanceof Refused ? [error.status, error.problem] : error
    }
  }
  expect(await problem(new Api(null))).toEqual([401, NO_KEY])
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('refused')))
  expect(await problem(new Api('k'))).toEqual([0, AWAY])
  const said = { kind: 'no-ramp', message: 'It has ended.', hint: 'Look at it again.' }
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({ error: said }), { status: 409 })))
  expect(await problem(new Api('k'))).toEqual([409, said])
  vi.stubGlobal('fetch', () => Promise.resolve(new Response('oops', { status: 500 })))
  expect(await problem(new Api('k'))).toMatchObject([500, { message: 'The server answered 500.' }])
})

test('listening goes on from the last event', async () => {
  const bytes = new TextEncoder().encode(
    `id: b-7\nevent: whole\ndata: ${JSON.stringify(anOverview())}\n\nid: b-8\nevent: changed\ndata: {"late":3}\n\n`,
  )
  const asked = vi.fn((_path: string, _init: RequestInit) => Promise.resolve(new Response(bytes)))
  vi.stubGlobal('fetch', asked)
  const heard: [News, string][] = []
  await new Api('k').listen('b-6', new AbortController().signal, (news, id) => heard.push([news, id]))
  expect(asked.mock.calls[0]?.[1].headers).toMatchObject({ 'last-event-id': 'b-6' })
  expect(heard.map(([, id]) => id)).toEqual(['b-7', 'b-8'])
  expect(heard[1]?.[0]).toEqual({ changed: { late: 3 } })
})

test('only what is asked for stands in a query', () => {
  expect(search(NOTHING)).toBe('sort=device')
  expect(search({ ...NOTHING, filter: 'a b', state: 'refused,trouble', late: true, page: 3, sort: '' })).toBe(
    'filter=a+b&state=refused%2Ctrouble&late=1&page=3',
  )
})
