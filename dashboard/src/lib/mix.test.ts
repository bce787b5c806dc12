import { expect, test } from 'vitest'
import { anOverview } from '../fixture'
import { MOST, OTHERS, bands, byVersion, mixOf, mixWords } from './mix'

test('versions stand by precedence, what is unknown below', () => {
  const names = ['1.10.0', '1.9.0', null, '1.10.0-rc.2', '1.10.0-rc.10', OTHERS]
  expect([...names].sort(byVersion)).toEqual([null, OTHERS, '1.9.0', '1.10.0-rc.2', '1.10.0-rc.10', '1.10.0'])
})

test('the stack ends with what is known now and adds up at each moment', () => {
  const overview = anOverview()
  const mix = mixOf(overview.hour, overview)
  expect(mix.times.at(-1)).toBe(Date.parse(overview.at))
  expect(mix.layers.map(({ version }) => version)).toEqual([null, '1.3.9', '1.4.1', '1.4.2', '1.5.0'])
  expect(mix.layers.at(-1)?.rank).toBe(0)
  expect(mix.layers.at(-1)?.counts.at(-1)).toBe(24_180)
  const sums = mix.times.map((_, n) => mix.layers.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0))
  expect(Math.max(...sums)).toBe(mix.most)
  expect(sums.at(-1)).toBe(100_000)
})

test('many versions become seven and the others together', () => {
  const versions = Array.from({ length: 40 }, (_, n) => ({
    version: `1.0.${n}`,
    devices: n + 1,
    late: 0,
    states: {},
  }))
  const overview = anOverview({ versions, hour: { start: '2026-06-12T11:00:00Z', step: 20, versions: [] } })
  const mix = mixOf(overview.hour, overview)
  expect(mix.layers).toHaveLength(MOST + 1)
  expect(mix.layers[0]?.version).toBe(OTHERS)
  expect(mix.most).toBe((40 * 41) / 2)
})

test('bands touch one another, and a thin one has no name on it', () => {
  const overview = anOverview()
  const mix = mixOf(overview.hour, overview)
  const found = bands(mix, (at) => (at - (mix.times[0] ?? 0)) / 10_000, (n) => 250 - n / 400)
  expect(found.map(({ label }) => label !== null)).toEqual([false, false, false, true, true])
  expect(found[0]?.area).toMatch(/^M0\.0,[\d.]+L.*Z$/)
  expect(found.at(-1)?.area).not.toContain('NaN')
})

test('what it shows is said in words', () => {
  const overview = anOverview()
  const words = mixWords(mixOf(overview.hour, overview), overview.total)
  expect(words).toContain('1.5.0: 24,180 (24 %)')
  expect(words).toContain('nothing runs: 15 (< 0.1 %)')
  const none = anOverview({ versions: [], total: 0, hour: { start: overview.at, step: 20, versions: [] } })
  expect(mixWords(mixOf(none.hour, none), 0)).toBe('No device has been heard of.')
})
