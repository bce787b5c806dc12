import { expect, test } from 'vitest'
import { ago, clock, devices, moments, percent, rate, share, short, span, ticks } from './numbers'

test('a share that is not nothing, and one that is not all, do not say so', () => {
  expect([share(0, 10), share(1, 100_000), share(99_999, 100_000), share(10, 10)]).toEqual([
    '0 %',
    '< 0.1 %',
    '> 99.9 %',
    '100 %',
  ])
  expect([share(24_180, 100_000), share(412, 100_000), share(995, 1000), share(1, 0)]).toEqual([
    '24 %',
    '0.41 %',
    '99.5 %',
    '0 %',
  ])
  expect([rate(1, 0), rate(1, 4), percent(2.5), devices(1), devices(100_000)]).toEqual([
    '–',
    '25 %',
    '2.5 %',
    '1 device',
    '100,000 devices',
  ])
})

test('spans have their two largest units', () => {
  expect([0, 89, 90, 3600, 3900, 90_000, 172_800].map(span)).toEqual([
    '0 s',
    '89 s',
    '2 min',
    '1 h',
    '1 h 5 min',
    '1 d 1 h',
    '2 d',
  ])
  const now = Date.parse('2026-06-12T12:00:00Z')
  expect([ago('2026-06-12T11:59:59Z', now), ago('2026-06-12T11:58:00Z', now)]).toEqual(['now', '2 min ago'])
})

test('times are local, and another day is named', () => {
  const now = Date.parse('2026-06-12T12:00:00Z')
  expect(clock(now, { now })).toBe('14:00')
  expect(clock(now, { seconds: true })).toBe('14:00:00')
  expect(clock(now - 86_400_000, { now })).toBe('11 Jun, 14:00')
})

test('axes are marked at round numbers and whole local hours', () => {
  expect(ticks(100_000)).toEqual([0, 25_000, 50_000, 75_000, 100_000])
  expect(ticks(0.31)).toEqual([0, 0.1, 0.2, 0.3])
  expect(ticks(7)).toEqual([0, 2, 4, 6])
  expect([ticks(0), ticks(Number.NaN)]).toEqual([[0], [0]])
  const from = Date.parse('2026-06-12T11:07:00Z')
  expect(moments(from, from + 3_600_000, 4).map((it) => clock(it))).toEqual(['13:15', '13:30', '13:45', '14:00'])
  expect([short(999), short(9_999), short(98_412), short(1_250_000)]).toEqual(['999', '9,999', '98.4k', '1.3M'])
})
