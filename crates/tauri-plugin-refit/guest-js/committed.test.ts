import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OUTPUTS, bundle, here } from './build.mjs'

test.each(Object.keys(OUTPUTS))('dist/%s is what the sources build', async (name) => {
  const committed = readFileSync(join(here, 'dist', name), 'utf8')
  // `npm run build` makes it afresh.
  expect(committed === (await bundle(name))).toBe(true)
})

test('the banner asks for nothing but what the page may have', () => {
  const banner = readFileSync(join(here, 'dist', 'banner-iife.js'), 'utf8')
  const asked = new Set(banner.match(/plugin:[a-z]+\|[a-z_]+/g))
  expect([...asked].sort()).toEqual([
    'plugin:event|listen',
    'plugin:refit|apply',
    'plugin:refit|retry',
    'plugin:refit|status',
  ])
  expect(banner).not.toMatch(/innerHTML|https?:\/\/(?!127)/)
})
