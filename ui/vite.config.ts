import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: [svelte()],
  resolve: {
    // The plugin's own functions, from the same tree; Tauri's come from this folder's packages.
    alias: {
      'tauri-plugin-refit-api': here('../crates/tauri-plugin-refit/guest-js/index.ts'),
    },
    dedupe: ['@tauri-apps/api'],
    // Tests mount components: the browser's half of Svelte, not the server's.
    ...(process.env.VITEST ? { conditions: ['browser'] } : {}),
  },
  clearScreen: false,
  server: { port: 1420, strictPort: true, host: '127.0.0.1', fs: { allow: [here('..')] } },
  build: {
    target: 'safari15',
    // An inlined file would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        index: here('index.html'),
        runtime: here('runtime.html'),
        apps: here('apps.html'),
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
