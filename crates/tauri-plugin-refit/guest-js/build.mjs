// Builds what is committed under dist/: the package's module, and the banner as one script that
// the Rust crate embeds. `bundle` is also what the test compares the committed files with.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

export const here = dirname(fileURLToPath(import.meta.url))

/** What is built, by the name it has in dist/. */
export const OUTPUTS = {
  'index.js': { entry: 'index.ts', format: 'es', minify: false },
  'banner-iife.js': { entry: 'banner.ts', format: 'iife', minify: true },
}

/** The text of one output. */
export async function bundle(name) {
  const { entry, format, minify } = OUTPUTS[name]
  const [{ output }] = await build({
    root: here,
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify,
      target: 'safari15',
      lib: { entry: join(here, entry), formats: [format], name: 'RefitBanner' },
      rolldownOptions: { external: [/^@tauri-apps\//] },
    },
  })
  return `${output[0].code.trimEnd()}\n`
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(here, 'dist'), { recursive: true })
  for (const name of Object.keys(OUTPUTS)) {
    writeFileSync(join(here, 'dist', name), await bundle(name))
  }
}
