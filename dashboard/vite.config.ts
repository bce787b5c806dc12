import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: [svelte()],
  // Tests mount components: the browser's half of Svelte, not the server's.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  clearScreen: false,
  server: { port: 1421, strictPort: true, host: '127.0.0.1' },
  build: {
    target: 'es2022',
    // Committed, and built into `refit`: the names stay the same whatever is in the files.
    outDir: here('../crates/refit/dashboard'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        entryFileNames: 'page.js',
        assetFileNames: 'page[extname]',
        codeSplitting: false,
      },
    },
  },
  // Times are shown in the zone of whoever reads them: the tests read them in Berlin.
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    env: { TZ: 'Europe/Berlin' },
    setupFiles: ['src/test-setup.ts'],
  },
})
